// Package conn is a connection to an NBD server that neither hangs nor is left half open: what reading and writing sides share.
//
//	Dial -> Conn: connected, its contexts agreed
//	          |
//	        Each, Transfer: requests, several in flight -> Wait, which ends with them, with ctx, or with silence
//
// A Conn is used by one goroutine at a time. A connection that failed, was given up or fell silent is closed at once, so that the library
// lets go of every buffer, and every later call gives the reason.
package conn
