/*
 * Sends one router advertisement (RFC 4861, 4.2) with a prefix and a lifetime to all nodes: ./advertise INTERFACE
 * The kernel fills in the checksum.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	static const unsigned char packet[] = {
		134, 0, 0, 0, 64, 0, 1800 >> 8, 1800 & 255, 0, 0, 0, 0, 0, 0, 0, 0,
		/* prefix information (4.6.2): on link, for autoconfiguration, an hour; 2001:db8:bad::/64 */
		3, 4, 64, 0xc0, 0, 0, 3600 >> 8, 3600 & 255, 0, 0, 3600 >> 8, 3600 & 255, 0, 0, 0, 0,
		0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	struct sockaddr_in6 all = { .sin6_family = AF_INET6, .sin6_scope_id = argc == 2 ? if_nametoindex(argv[1]) : 0 };
	int hops = 255, fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	inet_pton(AF_INET6, "ff02::1", &all.sin6_addr);
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops) < 0 ||
	    sendto(fd, packet, sizeof packet, 0, (struct sockaddr *)&all, sizeof all) < 0) {
		perror("advertise");
		return 1;
	}
	return 0;
}
