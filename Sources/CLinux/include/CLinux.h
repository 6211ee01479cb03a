// What Linux offers and Swift's Glibc module does not show: namespaces, ioctl, structures of linux/*.h.
//
// _GNU_SOURCE is defined in CLinux.c only: in a public header it would clash with the Glibc module.
#pragma once

#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/types.h>

/// Moves the calling thread to the network namespace of a descriptor; -1 and errno on failure.
int clew_setns_net(int descriptor);

/// Gives the calling thread a network namespace of its own; -1 and errno on failure.
int clew_unshare_net(void);

/// pipe2 with O_CLOEXEC.
int clew_pipe(int ends[2]);

/// Forks a child with network, mount, process, IPC and host-name namespaces of its own, and /proc of those.
///
/// Returns 0 in the child, process 1 of its namespace. The parent only waits: it passes SIGINT, SIGTERM and SIGHUP
/// on as SIGKILL, ends when the child does, with its status, and its own end, however it comes, ends the child. Returns
/// -1 and errno in the parent if it cannot be done. To be called before any thread exists.
int clew_isolate(void);

/// Detaches from the terminal and returns 0 in a child of the caller, its process number in the caller.
pid_t clew_daemonize(void);

/// Mounts a private tmpfs over a folder that exists.
int clew_mount_tmpfs(const char *folder);

/// Opens the TUN device of a name, made if it is not there, without packet information; -1 and errno on failure.
int clew_open_tun(const char *name);

/// Switches an offload of a device by its ETHTOOL_S* command; `socket` belongs to the device's namespace.
int clew_set_offload(int socket, const char *device, unsigned int command, unsigned int value);

/// Replaces this process by another program, and returns only with errno set.
int clew_exec(const char *path, char *const arguments[], char *const environment[]);

/// Moves the calling process to namespaces of another process: its mounts and processes, and a network namespace.
///
/// Children of the caller are then members of the process namespace. -1 and errno on failure.
int clew_join(pid_t process, int network);

/// The process at the other end of a UNIX socket, in this process's numbering; -1 if it cannot be told.
pid_t clew_peer(int socket);

/// A packet that an AF_PACKET socket saw.
struct clew_packet {
    /// Bytes on the wire; may exceed what was received.
    long length;
    /// Of the clock CLOCK_REALTIME.
    long long nanoseconds;
    int interface_index;
    /// PACKET_HOST, PACKET_OUTGOING and so on.
    int type;
    /// ETH_P_IP and so on, in host order.
    int protocol;
};

/// Receives a packet without its link header, with the time at which it passed; -1 and errno if there is none.
long clew_receive_packet(int socket, void *buffer, size_t size, struct clew_packet *packet);

/// Opens an AF_PACKET socket that sees every packet of the calling thread's namespace; -1 and errno on failure.
int clew_open_packet_socket(void);

/// The name of an interface of the namespace that a socket belongs to; -1 and errno on failure.
int clew_interface_name(int socket, int index, char name[16]);

/// accept4 with SOCK_CLOEXEC and SOCK_NONBLOCK.
int clew_accept(int socket, struct sockaddr *peer, socklen_t *length);

/// The address a datagram was sent to, in network order, by which the answer is to leave.
struct clew_datagram {
    unsigned char address[16];
    int family;
};

/// Receives a datagram with the address it was sent to; the socket has IP_PKTINFO or IPV6_RECVPKTINFO set.
long clew_receive_datagram(
    int socket, void *buffer, size_t size, struct sockaddr *peer, socklen_t *length, struct clew_datagram *datagram);

/// Sends a datagram from an address of this host.
long clew_send_datagram(
    int socket, const void *buffer, size_t size, const struct sockaddr *peer, socklen_t length,
    const struct clew_datagram *datagram);

/// Listens on an abstract UNIX socket, which is gone with its last descriptor; -1 and errno on failure.
///
/// Abstract names belong to a network namespace.
int clew_listen_abstract(const char *name);

/// Listens anew, so that `clew_peer` names the calling process.
int clew_listen_again(int socket);

/// Connects to an abstract UNIX socket; -1 and errno on failure.
int clew_connect_abstract(const char *name);

/// Sends standard input, output and error to /dev/null.
void clew_detach_output(void);

/// An epoll descriptor.
int clew_poller(void);

/// Waits for a descriptor to be readable or writable from now on; it is reported by its number.
int clew_poller_watch(int poller, int descriptor, int to_write);

/// Stores the numbers of descriptors that are ready, and returns how many; 0 after so many milliseconds, -1 on failure.
int clew_poller_wait(int poller, int *ready, int count, int milliseconds);
