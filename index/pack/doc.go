// Package pack writes and reads packs: sealed groups of encoded blocks.
//
//	Encoder   raw block -> compressed, decoded again and compared
//	Appender  encoded block -> sealed, appended; at the end the trailer    one goroutine
//	Reader    slot -> sealed bytes -> opened, decoded                      any number of goroutines
//	Set       bounded caches of Readers and of packs' block IDs
//	Resealer  encoded block -> sealed once more for its address, into a bundle    repair
//	Salvage, Hinted   read what a damaged trailer hides                           repair
//
// Invariants: nothing leaves the Encoder that does not decode to what went in; a slot number is sealed once; a pack
// becomes visible whole, with its trailer, or not at all. What a reader gives was authenticated under the pack's key at
// the very address that was asked for. Damage is ErrCorrupt, and never anything but an error.
package pack
