// Command vbackup backs virtual machines' disks up into a repository and brings them back.
//
// Each command is a file: its flags are the fields of a struct, whose run method does the work by way of the packages
// below. What a SOURCE argument means is told in source.go, what becomes of it in capture.go.
package main
