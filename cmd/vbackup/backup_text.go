package main

// backupText is what the help and the man page say of backup.
const backupText = `Capture machines' disks. Each SOURCE is a machine, named after the file without its extension or the NBD export;
--machine joins several disks into one machine. A SOURCE is a path or file:PATH (raw, qcow2, vmdk, vhdx, vdi or a
block device) or an NBD URI (nbd: nbds: nbd+unix: nbds+unix:). DISK=SOURCE names the disk; else it is disk0, disk1, …

A disk that --exclude or --include leaves out is recorded as skipped: the point is complete without it.

Every point is a whole one, whatever the level. Files are read in full each time and only what differs is stored. An
NBD server with a dirty bitmap (--bitmap) that was begun at the machine's newest point is asked for the changes alone.

Change tracking is not trusted blindly: of the blocks that it calls unchanged a random sample, 64 and no less than 3 % of
the changed ones, is read and compared, with --audit all of them. When one differs, everything is read, and the point
says so.

libvirt:DOMAIN is a virtual machine that libvirt runs on this host, or where --connect says; libvirt: --all is all of them. All
disks are captured as they are at one instant, with the guest's file systems frozen where its agent answers; libvirt keeps
track of changes by a checkpoint for each repository. A machine that is shut off is captured, too, and cannot start meanwhile.
qmp:PATH is the machine of a QEMU without libvirt, by the socket of its monitor: the same, by dirty bitmaps.

vsphere:PATTERN is machines of the vCenter or ESXi that --server names: a path /DC/vm/folder/NAME, one with * ? [, a folder (all
below it), a name alone or with * ? [, an instance UUID, or those with a tag (vsphere:tag:NAME or vsphere:tag:CATEGORY/NAME);
vsphere: --all is all of them. They are read from a snapshot, by VMware's changed block tracking where it is on (--enable-cbt
switches it on). Transports: vddk, with VMware's library through nbdkit; https, ranges of files, of machines without older
snapshots; nfc, whole disks. Guests with VMware Tools are held still: their file systems, of Windows programs, too, where VMware
can; the point says what was reached.

libvirt: --list FILE and vsphere: --list FILE are the machines that a file names, as ghettoVCB's vms_to_backup: one name, path or
pattern a line, with blanks and brackets as they are; lines that begin with # count for nothing. One that is not found is an error,
and the others are backed up. --exclude-machine leaves machines out, by whatever names them. Machines of one name are not backed up
in one run: their points would be mixed up.

VMware's machines are captured side by side: --machines-at-once of them, of one host and of one datastore no more than --per-host
and --per-datastore, because machines of a datastore stand still when a snapshot on it goes. They share the workers and the
rate limit. What several of them have in common is stored once, as of clones of one template, whichever comes to it first.

--dry-run says disk by disk what would be read, by which transport and why, and all that hinders it.

--by-attribute NAME takes of them the machines that ask for it in their inventory: by a custom attribute of VMware's of that name,
or a tag of the category of that name; of libvirt's by an attribute of that name in their metadata:
  virsh metadata web01 https://vbfs/policy/1 --key vbfs --config --set '<backup BCK_FVM="7D 4W 12M"/>'
A value says how many points to keep by period, as 1D 1M 1Q 1Y of hours (H), days, weeks, months, quarters and years: one of a day,
one of a month before, and so on; or daily, weekly, monthly, quarterly or yearly, of which all are kept; yes, or none. --policy gives
names to such lists. Each point records it, and forget --by-policy goes by that. A value that is not understood is an error, and its
machine is backed up all the same. --due leaves out machines that have a point of each of their periods. What became of a machine is
written into its attribute vbfs-last-backup, or --result-attribute; that this is not allowed is a warning.

--report writes down what became of each machine, also when the run failed or was interrupted.

A point that is far out of its machine's ordinary, as when its files were encrypted, is flagged, with a warning;
--fail-on-anomaly makes that an exit code of 3.`

const backupExamples = `vbackup backup -r /srv/backup /var/lib/libvirt/images/web01.qcow2
vbackup backup -r /srv/backup --machine db01 vda=/dev/vg0/db01 vdb=/dev/vg0/db01-data --tag reason=upgrade
vbackup backup -r /srv/backup libvirt:web01 --require-consistency filesystem
vbackup backup -r /srv/backup libvirt: --all --connect qemu+ssh://root@kvm1/system
vbackup backup -r /srv/backup vsphere:/DC/vm/prod --server vcenter.example.org --user backup@vsphere.local --enable-cbt
vbackup backup -r /srv/backup vsphere: --list vms_to_backup --server esx1 --user root --cacert ca.pem --dry-run
vbackup backup -r /srv/backup vsphere: --by-attribute BCK_FVM --due --report /var/log/backup.html --server vcenter.example.org --user …
vbackup backup -r /srv/backup 'nbd+unix:///web01?socket=/run/web01.sock' --bitmap since-last --fail-on-anomaly`
