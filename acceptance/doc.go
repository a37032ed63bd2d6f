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
// The model test takes its length from -rounds and its dice from -seed:
//
//	go test ./acceptance -run TestModel -rounds 2000 -timeout 0
package acceptance
