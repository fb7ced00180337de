/*
 * Runs a program under the seccomp filter of a container runtime: ./seccomp ERRNO PROGRAM [ARGUMENT]...
 * What the profile does not allow fails with ERRNO: EPERM, or ENOSYS as newer runtimes say of calls newer than the
 * profile. The profile is rules.h, which seccomp.ts writes: X(number) for each call that is always allowed; ONLY(number,
 * value) and BUT(number, value) where it depends on the first argument.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ALWAYS, EQUAL, UNEQUAL };

struct rule {
	unsigned int number;
	int when;
	unsigned int value;
};

#define X(number) { number, ALWAYS, 0 },
#define ONLY(number, value) { number, EQUAL, value },
#define BUT(number, value) { number, UNEQUAL, value },

static const struct rule rules[] = {
#include "rules.h"
};

#define LOAD(field) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define SKIP_IF(value, count) (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, count, 0)
#define ANSWER(answer) (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer)

int main(int argc, char **argv)
{
	enum { COUNT = sizeof(rules) / sizeof(rules[0]) };
	static struct sock_filter filter[COUNT * 5 + 8];
	struct sock_fprog program = { 0, filter };
	int at = 0;

	if (argc < 3)
		return 2;
	filter[at++] = LOAD(arch);
	filter[at++] = SKIP_IF(AUDIT_ARCH_X86_64, 1);
	filter[at++] = ANSWER(SECCOMP_RET_KILL_PROCESS);
	filter[at++] = LOAD(nr);
	for (int index = 0; index < COUNT; index++) {
		const struct rule *rule = &rules[index];

		filter[at++] = SKIP_UNLESS(rule->number, rule->when == ALWAYS ? 1 : 4);
		if (rule->when != ALWAYS) {
			/* No profile looks at the upper half of an argument that is an int. */
			filter[at++] = LOAD(args[0]);
			filter[at++] = rule->when == EQUAL ? SKIP_UNLESS(rule->value, 1) : SKIP_IF(rule->value, 1);
		}
		filter[at++] = ANSWER(SECCOMP_RET_ALLOW);
		if (rule->when != ALWAYS)
			filter[at++] = LOAD(nr);
	}
	filter[at++] = ANSWER(SECCOMP_RET_ERRNO | ((unsigned int)atoi(argv[1]) & SECCOMP_RET_DATA));
	program.len = (unsigned short)at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("seccomp");
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
