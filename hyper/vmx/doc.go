// Package vmx takes the configuration files of VMware's machines apart and puts them together.
//
//	.encoding = "UTF-8"          a line, a key, a value: in quotes, with |XX for what they cannot hold
//	# comment                    kept, as are empty lines
//	annotation = "a |22b|22|0A"  a "b", and a line feed
//
// Words: a key has no case. The text of a value is UTF-8 whatever its file is written in.
//
// Invariants: what was not set is written as it was read, byte for byte, in its order. What VMware would not read is refused, with the
// number of its line; but a key that a file has twice, which VMware complains of, has the last of its values.
//
// The grammar is that of VMware's own reader (open-vm-tools, lib/dict/dictll.c, "The dictionary line format").
package vmx
