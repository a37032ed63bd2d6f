// Package raw restores to a raw image file: a new one, sparse, with data where the disk has data and holes elsewhere.
//
// It is written on a stage (package stage) and gets its name in Sync, so that neither a failed nor a killed restore
// leaves a file that could be taken for the disk, or loses the one that it should have replaced.
package raw
