// Package lab is a host of virtual machines for tests: a real libvirtd, real QEMUs, and guests that do what they are told.
//
//	test ----------------- qemu:///system?socket=DIR/run/libvirt/libvirt-sock ----------+
//	  |                                                                                 |
//	  +-- pipe --> outer half: a mount namespace,   --> inner half: a process namespace |
//	               /run, /etc/libvirt, ... are DIR/...    libvirtd <--------------------+
//	               at the end: rm -rf DIR                 QEMU --- serial line --- guest's shell
//
// A Host is a libvirtd of its own. Several live side by side, and beside the machine's; none of them needs what runs on the
// machine, or changes it. A Domain is one of its virtual machines, a Spec what it is made of. A guest is a Linux that runs
// in one: the cloud kernel with busybox, in an initramfs made here.
//
// What keeps a lab alive is the open end of a pipe that the test holds. When it is closed, by the end of the test or because
// the kernel closed it for a test that was killed, the first process of the process namespace ends, the kernel kills all the
// others, daemons too, and the outer half removes the directory.
//
// What a disk holds is told by Domain.Content, which goes past QEMU, and by Domain.Instant, which is QEMU's own word; they
// know nothing of each other.
//
// A test needs root, and: libvirt-daemon-system, libvirt-clients, qemu-system-x86, qemu-utils, qemu-guest-agent,
// linux-image-cloud-amd64, busybox-static, kmod, e2fsprogs; ovmf, swtpm, swtpm-tools and openssh-server where these are asked
// for. Without KVM, QEMU translates: a guest boots within 2 to 8 s.
package lab
