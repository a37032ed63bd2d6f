#!/bin/sh
# The main job of vbfs on a real disk. Each command is printed before it runs and can be repeated by hand; everything
# happens in a folder of its own that is removed at the end. Run it with `make demo`, as root.
set -eu
bin=$(cd "$1" && pwd)
PATH=$bin:$PATH
work=$(mktemp -d /tmp/vbfs-demo.XXXXXX)
cd "$work"

cleanup() {
	status=$?
	cd /
	for m in old new mnt; do mountpoint -q "$work/$m" && umount "$work/$m"; done
	test -z "${server:-}" || { kill "$server" && wait "$server"; } 2>/dev/null || :
	rm -rf "$work"
	test $status = 0 || echo "demo: failed" >&2
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n# %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; eval "$*"; }

say "In $work: a disk of 256 MiB with a partition, ext4 and files on it"
run "mkdir files && cp -r /etc/ssl /etc/default files/ && echo 'first version' > files/letter.txt"
run "truncate -s 256M web01.raw"
run "parted -s web01.raw mklabel gpt mkpart root ext4 1MiB 100%"
run "mkfs.ext4 -q -d files -E offset=1048576 web01.raw 260000k"

say "A repository, encrypted; its password for this demo comes from a file"
run "export VBACKUP_REPO=\$PWD/repo VBACKUP_PASSWORD_FILE=\$PWD/password"
run "(umask 077; echo 'a long password' > password) && mkdir repo && vbackup init"

say "The first backup"
run "vbackup backup web01.raw"

say "Files change inside the disk"
run "printf 'second version\n' > letter.new"
run "debugfs -w -R 'rm letter.txt' 'web01.raw?offset=1048576' >debugfs.log 2>&1"
run "debugfs -w -R 'write letter.new letter.txt' 'web01.raw?offset=1048576' >>debugfs.log 2>&1"
sleep 1 # points are named by the second

say "The second backup stores only what differs"
run "vbackup backup web01.raw"
run "vbackup points"

say "Every date is a folder"
run "mkdir mnt old new && vbfs mount --daemon mnt"
run "ls mnt/by-date/*"
run "ls mnt/machines/web01"
run "ls -ls mnt/machines/web01/latest/disks mnt/machines/web01/latest/partitions"

say "The partition of each date, mounted: the file that changed"
first=$(ls mnt/machines/web01 | sed -n 1p)
run "mount -o loop,ro,noload mnt/machines/web01/$first/partitions/disk0p1.raw old"
run "mount -o loop,ro,noload mnt/machines/web01/latest/partitions/disk0p1.raw new"
run "diff -r old new || :"
run "umount old new"

say "The same disks over NBD, for any client"
printf '$ %s\n' "vbfs serve --socket nbd.sock &"
vbfs serve --socket nbd.sock -q &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do test -S nbd.sock && break; sleep 0.2; done
run "qemu-img compare -f raw -F raw web01.raw 'nbd+unix:///web01@latest:disk0?socket=nbd.sock'"

say "Restore the first date, and compare it with the mounted one"
run "vbackup restore web01@$first restored.raw"
run "cmp restored.raw mnt/machines/web01/$first/disks/disk0.raw && echo equal"

say "Prove that everything can be read"
run "vbackup verify --read-data"
run "umount mnt"
say "Done: $work is removed"
