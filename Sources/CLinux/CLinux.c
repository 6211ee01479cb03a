#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int clew_setns_net(int descriptor) { return setns(descriptor, CLONE_NEWNET); }

int clew_unshare_net(void) { return unshare(CLONE_NEWNET); }

int clew_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

// The parent of an isolated child: waits, and hands its end on.
static void wait_for(pid_t child, const sigset_t *watched) {
    for (;;) {
        int signal_number = sigwaitinfo(watched, NULL);
        if (signal_number == SIGCHLD) {
            int status = 0;
            if (waitpid(child, &status, WNOHANG) != child) continue;
            if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
            _exit(128 + WTERMSIG(status));
        }
        if (signal_number > 0) {
            // Process 1 of a namespace ignores signals it has no handler for, but not this one.
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            _exit(128 + signal_number);
        }
    }
}

int clew_isolate(void) {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) != 0) return -1;
    sigset_t watched, before;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &watched, &before);
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) != 0) return -1;
    pid_t child = fork();
    if (child < 0) return -1;
    if (child > 0) {
        close(alive[0]);
        wait_for(child, &watched);
    }
    close(alive[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A parent that died before the line above closed its end of the pipe.
    char byte;
    fcntl(alive[0], F_SETFL, O_NONBLOCK);
    if (read(alive[0], &byte, 1) == 0) _exit(1);
    close(alive[0]);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return -1;
    return 0;
}

pid_t clew_daemonize(void) {
    pid_t child = fork();
    if (child != 0) return child;
    setsid();
    return 0;
}

int clew_mount_tmpfs(const char *folder) {
    return mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
}

int clew_open_tun(const char *name) {
    int descriptor = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return -1;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(descriptor, TUNSETIFF, &request) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int clew_set_offload(int socket, const char *device, unsigned int command, unsigned int value) {
    struct ethtool_value setting = {.cmd = command, .data = value};
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, device, IFNAMSIZ - 1);
    request.ifr_data = (void *)&setting;
    return ioctl(socket, SIOCETHTOOL, &request);
}

int clew_exec(const char *path, char *const arguments[], char *const environment[]) {
    return execve(path, arguments, environment);
}

int clew_join(pid_t process, int network) {
    int descriptor = (int)syscall(SYS_pidfd_open, process, 0);
    if (descriptor < 0) return -1;
    if (setns(network, CLONE_NEWNET) != 0) return -1;
    return setns(descriptor, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS);
}

pid_t clew_peer(int socket) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    return credentials.pid;
}

int clew_open_packet_socket(void) {
    int descriptor = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
    if (descriptor < 0) return -1;
    int size = 64 << 20, yes = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
    return descriptor;
}

long clew_receive_packet(int socket, void *buffer, size_t size, struct clew_packet *packet) {
    struct sockaddr_ll address;
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    union {
        struct cmsghdr alignment;
        char bytes[128];
    } control;
    struct msghdr message = {
        .msg_name = &address,
        .msg_namelen = sizeof address,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t count = recvmsg(socket, &message, MSG_TRUNC);
    if (count < 0) return -1;
    packet->length = count;
    packet->nanoseconds = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
        struct timespec time;
        memcpy(&time, CMSG_DATA(part), sizeof time);
        packet->nanoseconds = (long long)time.tv_sec * 1000000000 + time.tv_nsec;
    }
    packet->interface_index = address.sll_ifindex;
    packet->type = address.sll_pkttype;
    packet->protocol = ntohs(address.sll_protocol);
    return count < (ssize_t)size ? count : (ssize_t)size;
}

int clew_interface_name(int socket, int index, char name[16]) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    request.ifr_ifindex = index;
    if (ioctl(socket, SIOCGIFNAME, &request) != 0) return -1;
    memcpy(name, request.ifr_name, 16);
    name[15] = 0;
    return 0;
}

int clew_accept(int socket, struct sockaddr *peer, socklen_t *length) {
    return accept4(socket, peer, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

long clew_receive_datagram(
    int socket, void *buffer, size_t size, struct sockaddr *peer, socklen_t *length, struct clew_datagram *datagram) {
    struct iovec part = {.iov_base = buffer, .iov_len = size};
    union {
        struct cmsghdr alignment;
        char bytes[256];
    } control;
    struct msghdr message = {
        .msg_name = peer,
        .msg_namelen = *length,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t count = recvmsg(socket, &message, 0);
    if (count < 0) return -1;
    *length = message.msg_namelen;
    datagram->family = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof info);
            memcpy(datagram->address, &info.ipi_addr, 4);
            datagram->family = AF_INET;
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(part), sizeof info);
            memcpy(datagram->address, &info.ipi6_addr, 16);
            datagram->family = AF_INET6;
        }
    }
    return count;
}

long clew_send_datagram(
    int socket, const void *buffer, size_t size, const struct sockaddr *peer, socklen_t length,
    const struct clew_datagram *datagram) {
    struct iovec part = {.iov_base = (void *)buffer, .iov_len = size};
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_name = (void *)peer,
        .msg_namelen = length,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (datagram->family == AF_INET) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, datagram->address, 4);
        header->cmsg_level = IPPROTO_IP;
        header->cmsg_type = IP_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(header), &info, sizeof info);
        message.msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, datagram->address, 16);
        header->cmsg_level = IPPROTO_IPV6;
        header->cmsg_type = IPV6_PKTINFO;
        header->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(header), &info, sizeof info);
        message.msg_controllen = CMSG_SPACE(sizeof info);
    }
    return sendmsg(socket, &message, 0);
}

static socklen_t abstract_address(const char *name, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strncpy(address->sun_path + 1, name, sizeof address->sun_path - 2);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address->sun_path + 1));
}

static int abstract_socket(const char *name, int (*use)(int, const struct sockaddr *, socklen_t)) {
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    struct sockaddr_un address;
    socklen_t length = abstract_address(name, &address);
    if (use(descriptor, (struct sockaddr *)&address, length) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int clew_listen_abstract(const char *name) {
    int descriptor = abstract_socket(name, bind);
    if (descriptor >= 0) listen(descriptor, 8);
    return descriptor;
}

int clew_listen_again(int socket) { return listen(socket, 8); }

int clew_connect_abstract(const char *name) { return abstract_socket(name, connect); }

void clew_detach_output(void) {
    int null = open("/dev/null", O_RDWR);
    if (null < 0) return;
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (null > 2) close(null);
}

int clew_poller(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clew_poller_watch(int poller, int descriptor, int to_write) {
    struct epoll_event event = {.events = to_write ? EPOLLOUT : EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) == 0) return 0;
    if (errno != EEXIST) return -1;
    return epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event);
}

int clew_poller_wait(int poller, int *ready, int count, int milliseconds) {
    struct epoll_event events[256];
    int found = epoll_wait(poller, events, count < 256 ? count : 256, milliseconds);
    for (int index = 0; index < found; index++) ready[index] = events[index].data.fd;
    return found;
}
