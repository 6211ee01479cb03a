#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
