// Package anomaly tells when a point is out of its machine's ordinary: as when somebody has encrypted the files.
//
// It takes what every capture counts anyway. Of each disk of a point:
//
//	share     changed / data        how much of what the disk holds is another than in the point before
//	ratio     stored / new          what the codec makes of blocks that the repository did not have
//	strange   f * new / data        the part of the disk that is new and does not compress as the disk's changes do
//	          f = (ratio - usual) / (1 - usual), between 0 and 1
//
// Encryption changes much, into what nothing compresses and no repository has. An upgrade, a rewritten database and
// a defragmentation change much as well, but into what compresses about as before; a restored or copied disk is new to
// the disk, not to the repository. So what counts is the strange part: a point is flagged when that is far more than the
// disk's history has. History is the disk's last points that are ordinary or that somebody accepted.
//
// # Bounds
//
// Medians and deviations from them, not means: one outlier in the history moves nothing. They have floors, for a machine
// that does the same every night has no deviation at all. Nothing is said before a disk has leastPoints points of
// history, of a disk that is new or has another size, and of little: leastBytes keep small machines, on which one rotated
// log is a tenth of all, from flagging, and leastStrange large ones.
//
// Where the usual changes do not compress (an encrypted disk, a repository without compression), only the share is left
// to go by: there a point is flagged when half of the data changed.
//
// The package is pure: manifests in, a text out.
package anomaly
