// Bench measures this project against its peers, on the same data in the same run, and writes the table of
// docs/benchmarks.md. It times nothing that a test could be failed by.
//
//	go run ./bench [-only REGEXP] [-rounds N] [-quick] [-out docs/benchmarks.md]
//
// Words: a row is one line of the table: some work, and how much better or worse than a peer we want to be at it. A
// contest is a row that is ready to be measured. A round measures ours, then the peer's.
//
//	canary  ours  peer  canary  ours  peer  canary   …
//	         \_ratio_/           \_ratio_/           …   median of the ratios
//
// Machines drift, so nothing is compared but what ran side by side: what counts is the median of the rounds' ratios, not
// the ratio of medians. The canary is a plain read of the image (the median of three); when it moved by more than a
// fifth over a round, something else was at work and the round is dropped. So it is when others had more than a tenth of
// the processors: one of two gone does not move a plain read, and halves who works on both. How many rounds were dropped
// is told.
//
// What is a process to users is one here: the built programs run, on real sockets and mounts. Everything that is read
// was written just before, so it is in the page cache, for us and for the peers.
//
//	main.go     flags             row.go      what is compared       round.go   how
//	data*.go    the image         process.go  programs               report.go  the table
//	peer_*.go   the peers' part   ours.go     our part               profile.go where our time goes
//	*_row.go    the rows
package main
