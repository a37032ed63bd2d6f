// Package objecttest is for tests of what is built on object.Store.
//
//   - [Test] is the suite that every store passes.
//   - [Memory] is a store in memory.
//   - [Fault] wraps a store and does what a hook says: errors before or after the deed, delays, short reads and listings.
//   - [Trace] wraps a store and writes down each operation as a line, with names that are the same in every run.
//   - [Crash] fails everything from one operation on, and then gives the store that a power cut would have left.
//
// Fault, Trace and Crash see the same operations, [Op]: each verb, and each write, commit and abort of an upload.
package objecttest
