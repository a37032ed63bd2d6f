// Package torture proves by injecting faults that nothing acknowledged is ever lost, and no wrong byte is ever served.
//
//	              the mix: machines change and are backed up; forget, prune, copy, rebuild-table, … beside them
//	                 |  what the programs acknowledged, and what each disk held then
//	fault -------> farm ----------------------------------------------------------> the same again, by mount, NBD, restore
//	power cuts, SIGKILL, SIGSTOP, clocks, full disks, failing system calls, flipped bits
//
// It has tests alone. Each takes its length from a flag of its own and its dice from -seed; what several processes do at
// once no seed repeats, so that -keep says where a failed test leaves its repository:
//
//	go test ./torture -run TestPowerCuts -cuts 1000 -seed 7 -keep /tmp/failed -timeout 0
package torture
