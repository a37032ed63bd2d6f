// Command vbfs presents every point of a repository: as a tree of folders and images, and as NBD exports.
//
//	mount.go    the tree in the foreground        daemon.go   and in the background
//	serve.go    NBD                               listen.go   its sockets         catalog.go   its exports
//
// Nothing here writes to the repository.
package main
