#!/bin/sh
# The first process of the virtual machine: makes it look like a node, then runs what test/support/vm.ts sends over a
# virtio port. A request is two lines, a script and its input, escaped as for printf %b. The answer is the script's
# stdout, stderr and status, a mark after each; the first answer is a mark alone. Without KVM every process costs
# milliseconds, so the shell does here what it can do itself.
/bin/busybox --install -s /bin
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset HOME TERM

mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /tmp /var/lib/cni
ip link set lo up
modprobe -a virtio_pci virtio_console
set -- /dev/vport*
until [ -e "$1" ]; do
    usleep 1000
    set -- /dev/vport*
done
# The file may be there before the device.
until (: <>"$1") 2>/dev/null; do usleep 1000; done
exec 3<>"$1"

# No program's output holds this (vm.ts knows it too).
mark=$(printf '\036\034\035\036')
printf '%s' "$mark" >/tmp/mark
cat /tmp/mark >&3
while read -r script <&3 && read -r input <&3; do
    printf '%b' "$input" >/tmp/stdin
    printf '%b' "$script" >/tmp/script
    # shellcheck source=/dev/null
    (. /tmp/script) </tmp/stdin >/tmp/stdout 2>/tmp/stderr 3>&-
    printf '%s' "$mark$?$mark" >/tmp/status
    cat /tmp/stdout /tmp/mark /tmp/stderr /tmp/status >&3
done
poweroff -f
