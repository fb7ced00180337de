/*
 * Runs a program under a seccomp filter like the default of container runtimes for a container with CAP_SYS_ADMIN and
 * CAP_NET_ADMIN, as in a node that is itself a container: ./seccomp ERRNO PROGRAM [ARGUMENT]...
 * What that profile does not list fails with ERRNO: EPERM from older runtimes, ENOSYS from newer ones. Also refused is
 * everything newer than Linux 5.3, which a profile of that time does not know: close_range, openat2, faccessat2, rseq.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int refused[] = {
	SYS_acct, SYS_add_key, SYS_clock_settime, SYS_clock_adjtime, SYS_create_module, SYS_delete_module,
	SYS_finit_module, SYS_get_kernel_syms, SYS_get_mempolicy, SYS_init_module, SYS_ioperm, SYS_iopl, SYS_kcmp,
	SYS_kexec_file_load, SYS_kexec_load, SYS_keyctl, SYS_mbind, SYS_migrate_pages, SYS_move_pages, SYS_nfsservctl,
	SYS_open_by_handle_at, SYS_personality, SYS_pivot_root, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_ptrace, SYS_query_module, SYS_reboot, SYS_request_key, SYS_set_mempolicy, SYS_settimeofday, SYS_swapoff,
	SYS_swapon, SYS_sysfs, SYS__sysctl, SYS_uselib, SYS_userfaultfd, SYS_ustat, SYS_vhangup, SYS_io_uring_setup,
};

int main(int argc, char **argv)
{
	enum { COUNT = sizeof(refused) / sizeof(refused[0]) };
	struct sock_filter filter[COUNT * 2 + 8];
	struct sock_fprog program = { 0, filter };
	int at = 0;

	if (argc < 3)
		return 2;
	const unsigned int no = SECCOMP_RET_ERRNO | ((unsigned int)atoi(argv[1]) & SECCOMP_RET_DATA);

	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	/* pidfd_send_signal is 424, the first number after 5.0; clone3 is ENOSYS in every profile, so that libc falls back. */
	filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 424, 0, 1);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	for (int index = 0; index < COUNT; index++) {
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)refused[index], 0, 1);
		filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, no);
	}
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = (unsigned short)at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("seccomp");
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
