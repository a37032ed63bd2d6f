// Package acceptance proves the whole: the real programs, real disks, and clients that others wrote.
//
//	QEMU, files --> vbackup backup --> repository --+--> vbfs mount        --> cat, loop mounts
//	     |                                          +--> vbfs serve        --> nbdcopy, fio, QEMU, a guest's kernel
//	     |                                          +--> vbackup restore   --> files, pipes
//	     |                                          +--> index.Image.ReadAt
//	     +--> a plain model of every instant  == what each of the four doors gives
//
// It has tests alone. They build the programs once, and wire packages as the programs do where many points are needed.
//
// Machines under libvirt live in a lab (testdata/lab), with guests that write while they are captured. What their disks hold is
// read past QEMU while they stand still; what disks that never rest held is told by a ring of numbers, each written when the one
// before it was on its disk.
//
// The model test takes its length from -rounds and its dice from -seed:
//
//	go test ./acceptance -run TestModel -rounds 2000 -timeout 0
package acceptance
