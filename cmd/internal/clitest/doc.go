// Package clitest runs the programs as their users do: built once for all tests of a package, in processes of their own,
// with an environment of their own.
//
//	TestMain -> Main: go build vbackup, vbfs -> tests -> New -> Lab.Run, Lab.Start -> code, output, messages
package clitest
