# The outer half of a lab: a mount namespace in which what libvirt calls its own lies in the directory $1. It waits for the
# inner half to end, and then leaves nothing behind. It runs in a session of its own, so that no signal of a terminal ends it.
set -eu
dir=$1
# What other tests have mounted is none of ours, and a copy of it here would keep them from letting go of it: of a loop device, or
# of a file system in user space. A tmpfs can stay, and may be meant for the lab.
findmnt --list --noheadings --output FSTYPE,TARGET | tac | while read -r kind mounted; do
	case $kind:$mounted in tmpfs:*) ;; *:"${TMPDIR:-/tmp}"/*) umount --lazy "$mounted" || true ;; esac
done
bind() {
	mkdir -p "$dir/$1"
	mount --bind "$dir/$1" "$2"
}
bind run /run
bind etc /etc/libvirt
bind lib /var/lib/libvirt
bind log /var/log/libvirt
bind cache /var/cache/libvirt
test ! -d /var/lib/swtpm-localca || bind tpmca /var/lib/swtpm-localca
unshare --pid --fork --mount-proc --kill-child bash -c "$2" inner "$dir" || true
losetup --list --noheadings --output NAME,BACK-FILE | while read -r loop file; do
	case $file in "$dir"/*) losetup --detach "$loop" ;; esac
done
rm -rf "$dir"
