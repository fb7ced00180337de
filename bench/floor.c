// What the kernel's work of a verb costs at least: the requests of an ADD and a DEL with nothing decided, read or checked,
// and the exec and exit of a small static program around them. It stands for bridge or host-local by its name.
// The runtime's CNI_* variables say what to do; FLOOR_* say what a plugin would have worked out:
//   FLOOR_LINK    the host end's name           FLOOR_BRIDGE  the bridge's
//   FLOOR_IP4/6   the container's address       FLOOR_GW4/6   its gateway; the prefixes are /16 and /64
//   FLOOR_LEASES  the directory of leases       FLOOR_SETS    present: an element of inet floor s4 (s6) for each address
//   FLOOR_QUEUE   present: the pair may have one queue, and not one for each processor
// The bridge, the table and its sets are there already. DEL returns when the link is announced as gone; a child
// waits for the rest.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 5000 };

static char message[4096];
static size_t end;

static void fail(const char *what) {
    printf("{\"code\": 100, \"msg\": \"%s: %s\"}\n", what, strerror(errno));
    exit(1);
}

static int must(int result, const char *what) {
    if (result < 0) fail(what);
    return result;
}

static void *append(const void *bytes, size_t length) {
    void *at = memcpy(message + end, bytes, length);
    end += NLMSG_ALIGN(length);
    return at;
}

static size_t open_message(int type, int flags, const void *header, size_t length) {
    size_t start = end;
    append(&(struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags}, sizeof(struct nlmsghdr));
    append(header, length);
    return start;
}

static void close_message(size_t start) { ((struct nlmsghdr *)(message + start))->nlmsg_len = end - start; }

static size_t open_nest(int type) {
    size_t start = end;
    append(&(struct nlattr){.nla_type = type}, sizeof(struct nlattr));
    return start;
}

static void close_nest(size_t start) { ((struct nlattr *)(message + start))->nla_len = end - start; }

static void attribute(int type, const void *value, size_t length) {
    append(&(struct nlattr){.nla_type = type, .nla_len = NLA_HDRLEN + length}, sizeof(struct nlattr));
    append(value, length);
}

static void number(int type, unsigned value) { attribute(type, &value, sizeof value); }
static void text(int type, const char *value) { attribute(type, value, strlen(value) + 1); }

static void queues(void) {
    if (getenv("FLOOR_QUEUE") == NULL) return;
    number(IFLA_NUM_TX_QUEUES, 1);
    number(IFLA_NUM_RX_QUEUES, 1);
}

// Sends what was appended and reads `answers` acknowledgements.
static void transact(int fd, int answers, const char *what) {
    must(send(fd, message, end, 0), what);
    end = 0;
    while (answers > 0) {
        char answer[8192];
        ssize_t length = must(recv(fd, answer, sizeof answer, 0), what);
        for (struct nlmsghdr *at = (void *)answer; NLMSG_OK(at, length); at = NLMSG_NEXT(at, length)) {
            if (at->nlmsg_type != NLMSG_ERROR) continue;
            errno = -((struct nlmsgerr *)NLMSG_DATA(at))->error;
            if (errno != 0) fail(what);
            answers--;
        }
    }
}

static int netlink(int protocol, unsigned groups) {
    int fd = must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "socket");
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    int room = 8 << 20;  // for what a burst of others announces
    if (groups == 0) return fd;
    must(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), "SO_RCVBUFFORCE");
    must(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    return fd;
}

static int index_of(int fd, const char *name) {
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    must(ioctl(fd, SIOCGIFINDEX, &request), name);
    return request.ifr_ifindex;
}

// Waits for an announcement of that type about the link; for RTM_NEWLINK, that it is up.
static void await(int events, int also, int type, const char *name) {
    for (;;) {
        struct pollfd wait[] = {{.fd = events, .events = POLLIN}, {.fd = also, .events = POLLIN}};
        if (must(poll(wait, 2, DEADLINE_MS), "poll") == 0 || wait[1].revents & POLLIN) {
            errno = ETIMEDOUT;
            fail(name);
        }
        if (wait[0].revents == 0) return;  // the child has ended, and said nothing: done
        char answer[16384];
        ssize_t length = must(recv(events, answer, sizeof answer, 0), "recv");
        for (struct nlmsghdr *at = (void *)answer; NLMSG_OK(at, length); at = NLMSG_NEXT(at, length)) {
            struct ifinfomsg *link = NLMSG_DATA(at);
            if (at->nlmsg_type != type || link->ifi_family != AF_UNSPEC) continue;
            int named = 0, up = type == RTM_DELLINK;
            int left = IFLA_PAYLOAD(at);
            for (struct rtattr *each = IFLA_RTA(link); RTA_OK(each, left); each = RTA_NEXT(each, left)) {
                if (each->rta_type == IFLA_IFNAME) named = strcmp(RTA_DATA(each), name) == 0;
                if (each->rta_type == IFLA_OPERSTATE) up |= *(unsigned char *)RTA_DATA(each) == IF_OPER_UP;
            }
            if (named && up) return;
        }
    }
}

static void lease(int adding) {
    static const char *const names[] = {"FLOOR_IP4", "FLOOR_IP6"};
    for (int i = 0; i < 2; i++) {
        char path[256];
        if (getenv(names[i]) == NULL) continue;
        snprintf(path, sizeof path, "%s/%s", getenv("FLOOR_LEASES"), getenv(names[i]));
        if (!adding) {
            unlink(path);
            continue;
        }
        int fd = must(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path);
        dprintf(fd, "%s\r\n%s", getenv("CNI_CONTAINERID"), getenv("CNI_IFNAME"));
        close(fd);
    }
}

static void element(int adding, const char *set, const void *address, size_t length) {
    struct nfgenmsg family = {.nfgen_family = NFPROTO_INET};
    int type = NFNL_SUBSYS_NFTABLES << 8 | (adding ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM);
    size_t start = open_message(type, NLM_F_ACK | (adding ? NLM_F_CREATE : 0), &family, sizeof family);
    text(NFTA_SET_ELEM_LIST_TABLE, "floor");
    text(NFTA_SET_ELEM_LIST_SET, set);
    size_t elements = open_nest(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
    size_t item = open_nest(NFTA_LIST_ELEM | NLA_F_NESTED);
    size_t key = open_nest(NFTA_SET_ELEM_KEY | NLA_F_NESTED);
    attribute(NFTA_DATA_VALUE, address, length);
    close_nest(key);
    close_nest(item);
    close_nest(elements);
    close_message(start);
}

static void change_sets(int fd, int adding) {
    struct nfgenmsg batch = {.res_id = htons(NFNL_SUBSYS_NFTABLES)};
    unsigned char address[16];
    int answers = 0;
    close_message(open_message(NFNL_MSG_BATCH_BEGIN, 0, &batch, sizeof batch));
    if (getenv("FLOOR_IP4") && inet_pton(AF_INET, getenv("FLOOR_IP4"), address)) element(adding, "s4", address, 4), answers++;
    if (getenv("FLOOR_IP6") && inet_pton(AF_INET6, getenv("FLOOR_IP6"), address)) element(adding, "s6", address, 16), answers++;
    close_message(open_message(NFNL_MSG_BATCH_END, 0, &batch, sizeof batch));
    transact(fd, answers, "nftables");
}

static void address_and_route(int family, int index, const char *ip, const char *gateway) {
    unsigned char bytes[16];
    size_t length = family == AF_INET ? 4 : 16;
    struct ifaddrmsg header = {.ifa_family = family, .ifa_prefixlen = family == AF_INET ? 16 : 64, .ifa_index = index,
                               .ifa_flags = family == AF_INET ? 0 : IFA_F_NODAD};
    size_t start = open_message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    inet_pton(family, ip, bytes);
    attribute(IFA_LOCAL, bytes, length);
    attribute(IFA_ADDRESS, bytes, length);
    close_message(start);
    struct rtmsg route = {.rtm_family = family, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_type = RTN_UNICAST};
    start = open_message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    inet_pton(family, gateway, bytes);
    attribute(RTA_GATEWAY, bytes, length);
    number(RTA_OIF, index);
    close_message(start);
}

static void add(void) {
    const char *host_end = getenv("FLOOR_LINK"), *ifname = getenv("CNI_IFNAME");
    int own = must(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "own namespace");
    int netns = must(open(getenv("CNI_NETNS"), O_RDONLY | O_CLOEXEC), getenv("CNI_NETNS"));
    int host = netlink(NETLINK_ROUTE, 0), events = netlink(NETLINK_ROUTE, RTMGRP_LINK);
    must(setns(netns, CLONE_NEWNET), "setns");
    int inside = netlink(NETLINK_ROUTE, 0);
    must(setns(own, CLONE_NEWNET), "setns");
    lease(1);

    struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, none = {0};
    size_t start = open_message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
    text(IFLA_IFNAME, host_end);
    number(IFLA_MASTER, index_of(host, getenv("FLOOR_BRIDGE")));
    queues();
    size_t info = open_nest(IFLA_LINKINFO);
    text(IFLA_INFO_KIND, "veth");
    size_t data = open_nest(IFLA_INFO_DATA), peer = open_nest(VETH_INFO_PEER);
    append(&none, sizeof none);
    text(IFLA_IFNAME, ifname);
    number(IFLA_NET_NS_FD, netns);
    queues();
    close_nest(peer);
    close_nest(data);
    close_nest(info);
    close_message(start);
    transact(host, 1, "veth");

    up.ifi_index = index_of(inside, ifname);
    const char *ip4 = getenv("FLOOR_IP4"), *ip6 = getenv("FLOOR_IP6");
    close_message(open_message(RTM_NEWLINK, NLM_F_ACK, &up, sizeof up));
    if (ip4) address_and_route(AF_INET, up.ifi_index, ip4, getenv("FLOOR_GW4"));
    if (ip6) address_and_route(AF_INET6, up.ifi_index, ip6, getenv("FLOOR_GW6"));
    transact(inside, 1 + (ip4 ? 2 : 0) + (ip6 ? 2 : 0), "addresses");
    if (getenv("FLOOR_SETS")) change_sets(netlink(NETLINK_NETFILTER, 0), 1);
    await(events, -1, RTM_NEWLINK, host_end);
}

static void del(void) {
    const char *host_end = getenv("FLOOR_LINK");
    int host = netlink(NETLINK_ROUTE, 0), events = netlink(NETLINK_ROUTE, RTMGRP_LINK);
    if (getenv("FLOOR_SETS")) change_sets(netlink(NETLINK_NETFILTER, 0), 0);  // the child closes it, later
    int pipes[2];
    must(pipe2(pipes, O_CLOEXEC), "pipe");
    if (must(fork(), "fork") == 0) {
        struct ifinfomsg none = {0};
        for (int stream = 0; stream <= 2; stream++) close(stream);
        dup2(pipes[1], 1);  // where fail() writes
        size_t start = open_message(RTM_DELLINK, NLM_F_ACK, &none, sizeof none);
        text(IFLA_IFNAME, host_end);
        close_message(start);
        transact(host, 1, host_end);
        _exit(0);
    }
    close(pipes[1]);
    await(events, pipes[0], RTM_DELLINK, host_end);
    lease(0);
}

int main(int argc, char **argv) {
    const char *verb = getenv("CNI_COMMAND"), *slash = strrchr(argc > 0 ? argv[0] : "", '/');
    int adding = verb != NULL && strcmp(verb, "ADD") == 0;
    if (verb != NULL && strcmp(verb, "VERSION") == 0) {
        puts("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
        return 0;
    }
    if (slash != NULL && strcmp(slash, "/host-local") == 0) lease(adding);
    else if (adding) add();
    else del();
    if (adding) puts("{\"cniVersion\":\"1.1.0\",\"interfaces\":[],\"ips\":[],\"routes\":[],\"dns\":{}}");
    return 0;
}
