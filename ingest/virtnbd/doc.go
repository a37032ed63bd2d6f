// Package virtnbd reads the sets of virtnbdbackup, so that they become points. A set is a directory; a stream is one of its
// files: a disk, or what changed on it since a checkpoint; a Point is what one run of virtnbdbackup wrote.
//
//	vda.full.data  vda.inc.virtnbdbackup.1.data  vda.inc.virtnbdbackup.2.data  vda.diff.1700000000.data
//	vdb.full.data  vdb.inc.virtnbdbackup.1.data  vdb.inc.virtnbdbackup.2.data  vdb.diff.1700000001.data
//	      |                     |                             |                           |
//	    Point  <---counts-----Point  <---counts-------------Point  <------counts--------Point
//	      |
//	   ingest.Machine: a point of the repository as base, Sources that yield all, or what changed since
//
//	stream:  head | frame frame frame ... | stop | list of compressed sizes | comp
//	           meta   table.go: where on the disk, where in the file            trailer.go
//
// # Invariants
//
// Nothing is believed that a stream can disprove. Frames have to be ordered, apart and inside the disk; what the head says
// of sizes has to be so; a full stream has to cover its disk; a checksum that lies beside a stream and the sums inside
// compressed data have to be right. A stream that is not so is damaged: its disk fails in its point and in all that build on it.
//
// Points are ordered and linked by the checkpoints that the streams name, not by names and dates of files. A stream is what its
// head says: a full one that took the place of an increment, for its checkpoint was broken, is full. What counts from a
// checkpoint is not of the point that was made with it unless it made another one: not a differential stream, nor an
// increment of a machine that was shut off, which carries the name of the checkpoint that it counts from, and whose file takes the place of that
// checkpoint's own stream, if that was an increment.
//
// All lengths are bounded before they are used, files are opened below the set's directory and nowhere else, and only what
// is a plain file. Data is never held but for what is being read; what is held is where frames lie, some 8 bytes each.
//
// # Zeros
//
// Releases before 2.21 write a changed range as data, also when it is zero. Later ones leave changed ranges out that are
// holes by then, and write no word of it: the image keeps what was there before. Both call themselves version 2. So of a
// stream that counts from another one:
//
//   - It has zero frames: its writer records what became zero, for neither of those writes any. They are taken at their word.
//     (If they and the data are all of the disk, they may as well stand for what did not change, which is ErrUnsure.)
//   - It has none: nothing can be proven. Data that is zero proves nothing either, for a range may be allocated and zero, which
//     later releases write as data. The point is right if an earlier release wrote it, and gets a warning in any case, and so
//     does every point that builds on it, up to the next full one.
package virtnbd
