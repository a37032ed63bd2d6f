#!/bin/busybox sh
# The guest's whole system. Disks named on the kernel's command line are mounted on /mnt/TARGET. What comes on the second
# serial port is done: a line is a number and a script in base64; the answer is what it prints, and a last line <number:status>.
export PATH=/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
named() { sed -n "s/.*lab\\.$1=\([^ ]*\).*/\1/p" /proc/cmdline | tr , ' '; }
for module in $(named modules); do insmod "/$module"; done
for disk in $(named mount); do
	mkdir -p "/mnt/$disk"
	mount -t ext4 "/dev/$disk" "/mnt/$disk"
done
for port in /sys/class/virtio-ports/*; do
	test "$(cat "$port/name")" != org.qemu.guest_agent.0 || qemu-ga --daemonize --path "/dev/${port##*/}" --statedir /run --pidfile /run/qemu-ga.pid
done
serve() {
	stty raw -echo
	echo '<ready>'
	while read -r n script; do
		echo "$script" | base64 -d >/script
		sh /script </dev/null
		echo "<$n:$?>"
	done
}
serve </dev/ttyS1 >/dev/ttyS1 2>&1 & # not as process 1, whose read loses what it has when an orphan ends meanwhile
while :; do
	wait
	sleep 1
done
