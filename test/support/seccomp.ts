// The seccomp profiles that container runtimes give a container unless told otherwise, as lists of what is allowed, for a
// node that is itself a container; and a launcher that runs a program under one (seccomp.c). Names that x86-64 has not
// (chown32, …) are left out. Sources: moby, profiles/seccomp/default.json at 00f3d189e420; containerd,
// contrib/seccomp/seccomp_default.go at 078b6d91bea4, of the time before clone3, close_range and rseq.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "./c-program.ts";

/** Allowed to all by both. */
const BOTH = `
  accept accept4 access alarm bind brk capget capset chdir chmod chown clock_getres clock_gettime clock_nanosleep close
  connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_wait
  epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark
  fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat
  fstatfs fsync ftruncate futex futimesat getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer
  getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit get_robust_list getrusage
  getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getxattr inotify_add_watch inotify_init
  inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents ioprio_get ioprio_set io_setup
  io_submit kill lchown lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise
  memfd_create mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open
  mq_timedreceive mq_timedsend mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep
  newfstatat open openat openat2 pause pipe pipe2 poll ppoll prctl pread64 preadv prlimit64 pselect6 pwrite64 pwritev read
  readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2
  restart_syscall rmdir rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
  rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
  sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
  sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid
  setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list
  setsid setsockopt set_thread_area set_tid_address setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack
  signalfd signalfd4 socketpair splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill
  time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
  timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid
  write writev arch_prctl modify_ldt`;

interface Profile {
  /** Names of system calls, apart by white space. */
  readonly allowed: string;
  /** Added for a container that has CAP_SYS_ADMIN. */
  readonly admin: string;
  /** Calls allowed by their first argument: only with a value, or with all but one. */
  readonly byArgument: readonly (readonly ["ONLY" | "BUT", string, number])[];
}

const AF_VSOCK = 40;
const personalities = (values: readonly number[]) =>
  values.map((value) => ["ONLY", "personality", value] as const);

export const profiles: Readonly<Record<string, Profile>> = {
  docker: {
    allowed: `${BOTH}
      adjtimex clock_adjtime close_range epoll_pwait2 futex_waitv io_uring_enter io_uring_register io_uring_setup
      landlock_add_rule landlock_create_ruleset landlock_restrict_self membarrier memfd_secret name_to_handle_at pidfd_open
      pidfd_send_signal pkey_alloc pkey_free pkey_mprotect preadv2 process_mrelease pwritev2 rseq
      process_vm_readv process_vm_writev ptrace`,
    admin: `
      bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
      perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount2 unshare`,
    byArgument: [["BUT", "socket", AF_VSOCK], ...personalities([0, 0x0008, 0x20000, 0x20008, 0xffffffff])],
  },
  containerd: {
    allowed: `${BOTH} socket syslog`,
    admin: `
      bpf clone fanotify_init lookup_dcookie mount name_to_handle_at perf_event_open setdomainname sethostname setns
      umount2 unshare`,
    byArgument: personalities([0, 0x0008, 0xffffffff]),
  },
};

/** Builds the launcher of a profile in a directory; its path. It takes an errno, a program and its arguments. */
export function buildLauncher(directory: string, name: string): string {
  const { allowed, admin, byArgument } = profiles[name]!;
  const place = join(directory, name);
  mkdirSync(place);
  const row = (call: string, text: string) => `#ifdef SYS_${call}\n${text}\n#endif\n`;
  const names = `${allowed} ${admin}`.split(/\s+/).filter((each) => each !== "");
  const rules = [
    ...names.map((call) => row(call, `X(SYS_${call})`)),
    ...byArgument.map(([when, call, value]) => row(call, `${when}(SYS_${call}, ${value >>> 0}u)`)),
  ];
  writeFileSync(join(place, "rules.h"), rules.join(""));
  return compile("seccomp", place);
}
