// Runs programs and measures them, without a shell or an interpreter in between: the wall time from posix_spawn until
// the program has ended and nobody holds its outputs any more, which is what a runtime waits for, its peak memory, and
// its page faults.
//   run [PARALLEL] <jobs
// A job is a line of fields that tabs separate: the process whose mount and network namespaces the program is to run in;
// milliseconds to wait before; empty, or a network namespace and an address that must answer at once when the program has
// ended; the program; its standard input; and each variable of its environment. A line of JSON answers each.
// What no job can do without ends the run.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_FIELDS = 32, MOST_SLOTS = 128, MOST_OUTPUT = 4096, ANSWER_TIMEOUT_MS = 500 };

struct slot {
    long job;  // −1: free
    pid_t pid;
    int output;  // read end of the pipe that is both stdout and stderr
    long long start;
    int probe;  // socket in the container's namespace, −1: none
    struct sockaddr_in answers;
    size_t length;
    char text[MOST_OUTPUT];
};

static struct slot slots[MOST_SLOTS];

static void fail(const char *what) {
    fprintf(stderr, "run: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int must(int result, const char *what) {
    if (result < 0) fail(what);
    return result;
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void enter(const char *path, int kind) {
    int fd = must(open(path, O_RDONLY | O_CLOEXEC), path);
    must(setns(fd, kind), path);
    close(fd);
}

// Goes to the node that a process holds; the last one stays where it is the same.
static void enter_node(const char *pid) {
    static char current[16];
    char path[64];
    if (strcmp(pid, current) == 0) return;
    snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
    enter(path, CLONE_NEWNET);
    snprintf(path, sizeof path, "/proc/%s/ns/mnt", pid);
    enter(path, CLONE_NEWNS);
    snprintf(current, sizeof current, "%s", pid);
}

// A socket in a network namespace, made before the program runs so that nothing but connect() follows its end.
static int open_probe(char *what, struct sockaddr_in *address) {
    char *space = strchr(what, ' ');
    if (space == NULL) return -1;
    *space = 0;
    int home = must(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "own namespace");
    enter(what, CLONE_NEWNET);
    int probe = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    must(setns(home, CLONE_NEWNET), "own namespace");
    close(home);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1)};
    if (inet_pton(AF_INET, space + 1, &address->sin_addr) != 1) fail(space + 1);
    return probe;
}

// Whether the first packet is lost: nobody listens on that port, so a refusal says that it arrived and the answer too.
// The kernel sends a lost one again after a second.
static int is_lost(int probe, struct sockaddr_in *address) {
    struct pollfd wait = {.fd = probe, .events = POLLOUT};
    if (connect(probe, (struct sockaddr *)address, sizeof *address) < 0 && errno != EINPROGRESS) return errno != ECONNREFUSED;
    return poll(&wait, 1, ANSWER_TIMEOUT_MS) == 0;
}

static void begin(struct slot *slot, long job, char *line) {
    char *fields[MOST_FIELDS + 1];
    int count = 0;
    for (char *rest = line; rest != NULL && count < MOST_FIELDS;) fields[count++] = strsep(&rest, "\t");
    fields[count] = NULL;
    if (count < 5) {
        errno = EINVAL;
        fail("a job of too few fields");
    }
    usleep((useconds_t)(atof(fields[1]) * 1000));
    enter_node(fields[0]);
    slot->probe = open_probe(fields[2], &slot->answers);

    int input[2], output[2];
    must(pipe2(input, O_CLOEXEC), "pipe");
    must(pipe2(output, O_CLOEXEC), "pipe");
    size_t length = strlen(fields[4]);
    if (write(input[1], fields[4], length) != (ssize_t)length) fail("write");
    close(input[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    posix_spawn_file_actions_adddup2(&actions, output[1], 2);
    slot->job = job;
    slot->length = 0;
    slot->output = output[0];
    char *argv[] = {fields[3], NULL};
    slot->start = now();
    errno = posix_spawn(&slot->pid, fields[3], &actions, NULL, argv, fields + 5);
    if (errno != 0) fail(fields[3]);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
}

static void print_text(const struct slot *slot) {
    for (size_t i = 0; i < slot->length; i++) {
        unsigned char byte = slot->text[i];
        if (byte < ' ' || byte == '"' || byte == '\\') printf("\\u%04x", byte);
        else putchar(byte);
    }
}

// Takes what a program has written; at the end of that, waits for the program and answers its job.
static void attend(struct slot *slot) {
    char rest[MOST_OUTPUT];
    size_t room = MOST_OUTPUT - slot->length;
    ssize_t got = read(slot->output, room > 0 ? slot->text + slot->length : rest, room > 0 ? room : sizeof rest);
    if (got > 0) {
        if (room > 0) slot->length += (size_t)got;
        return;
    }
    int status;
    struct rusage usage;
    must(wait4(slot->pid, &status, 0, &usage), "wait4");
    long long end = now();
    int lost = slot->probe >= 0 ? is_lost(slot->probe, &slot->answers) : 0;
    if (slot->probe >= 0) close(slot->probe);
    close(slot->output);
    printf("{\"job\":%ld,\"start\":%lld,\"ns\":%lld,\"status\":%d,\"rssKb\":%ld,\"faults\":%ld,\"lost\":%d,\"output\":\"",
           slot->job, slot->start, end - slot->start, status, usage.ru_maxrss, usage.ru_minflt, lost);
    if (status != 0) print_text(slot);
    puts("\"}");
    slot->job = -1;
}

int main(int argc, char **argv) {
    int parallel = argc > 1 ? atoi(argv[1]) : 1;
    if (parallel < 1 || parallel > MOST_SLOTS) {
        fputs("run [PARALLEL] <jobs, at most 128 in parallel\n", stderr);
        return 1;
    }
    for (int i = 0; i < parallel; i++) slots[i].job = -1;
    char *line = NULL;
    size_t capacity = 0;
    long jobs = 0;
    int more = 1, running = 0;
    while (more || running > 0) {
        struct pollfd wait[MOST_SLOTS];
        for (int i = 0; i < parallel; i++) {
            if (slots[i].job < 0 && more) {
                ssize_t length = getline(&line, &capacity, stdin);
                if (length <= 0) more = 0;
                else {
                    line[strcspn(line, "\n")] = 0;
                    begin(&slots[i], jobs++, line);
                    running++;
                }
            }
            wait[i] = (struct pollfd){.fd = slots[i].job < 0 ? -1 : slots[i].output, .events = POLLIN};
        }
        if (running == 0) break;
        must(poll(wait, (nfds_t)parallel, -1), "poll");
        for (int i = 0; i < parallel; i++) {
            if (wait[i].revents == 0) continue;
            attend(&slots[i]);
            if (slots[i].job < 0) running--;
        }
    }
    return 0;
}
