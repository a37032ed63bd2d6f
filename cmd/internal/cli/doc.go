// Package cli is what the two programs have in common around their commands: global flags, passwords, opening the
// repository, messages, JSON lines, progress, signals and exit codes.
//
//	main -> Main -> cobra -> a command's run -> App.WithRepository -> index
//	                  |             |
//	                  |             +-> App.Result, Say, Warn, During   results on standard output, all else on standard error
//	                  +-> error -> Classify -> one sentence, a hint, an exit code
//
// # Invariants
//
// With --json standard output holds JSON lines and nothing else. A secret comes from a file, a command, the environment
// or a terminal, and never from the arguments; it is in no message and no log, and the process's memory is for nobody
// else. An error is told once, at the end, and its exit code is decided in one table (exit.go). The first SIGINT or
// SIGTERM cancels the context and lets the command clean up; the second kills.
package cli
