// Package object is the storage seam of a repository: named, immutable objects and five verbs.
//
// # Words
//
// An object is a run of bytes under a name. A name is slash-separated ("packs/ab/0123"); its parts are of the
// letters [a-z0-9._-], do not begin with a dot, and the whole has at most [MaxName] bytes. A folder is all names that
// begin with the same parts: it exists by the objects in it and cannot be empty. No object's name is another's folder.
//
// # Invariants
//
//   - No object is ever overwritten: of any number of writers of one name exactly one commits, the others get
//     [ErrExists].
//   - Nothing is seen of an object before its Commit, and all of it after. What Commit said is durable.
//   - What was committed before a List began is in it. A List that could not look everywhere ends in an error.
//   - A Get fills the whole buffer or returns an error.
//
// Other layers build on this without locks: two writers that want the same thing both put the same name.
//
//	PutIfAbsent ──> Upload ── Write* ──> Commit ──> seen by Get, List, Stat ──> Delete
//	                               └───> Abort
//
// # The local directory
//
// [Local] keeps an object as a file of that name, mode 0600, in directories of mode 0700: a repository is its owner's
// alone, and who wants to share it widens the modes afterwards. A file gets its name after its bytes are on disk
// (O_TMPFILE, fsync, linkat, fsync of the directory), so a crash at any instant leaves no half object, and
// no stray file. Where that cannot be done (NFS, FAT, FUSE) a temporary name under ".tmp" takes its place; what a killed
// process left there is swept by the next one that needs it. Files whose names no object can have are not listed;
// symbolic links and devices in the tree are errors.
//
// Directories may be append-only and files immutable, as chattr(1) makes them: putting does without renaming and deleting
// there, and Delete says [ErrAppendOnly].
//
// Stores for tests, and the suite that every store passes, are in objecttest.
package object
