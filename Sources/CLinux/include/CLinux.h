// What Linux offers and Swift's Glibc module does not show: namespaces, ioctl, structures of linux/*.h.
//
// _GNU_SOURCE is defined in CLinux.c only: in a public header it would clash with the Glibc module.
#pragma once

#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
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
