// Package policy understands what an attribute of a machine in an inventory asks for: whether it is backed up, how often, and how much of
// that is kept. It is arithmetic: words in, rules out.
//
//	"7D 4W 12M" ──Book.Parse──> Policy ──Due──> is there a point of every period, as of now?
//	                              | └────Rules──> retention.Policy
//	                              └──String──> "7D 4W 12M", as points record it and Parse reads it again
//
// # Words
//
// A value is a list of words: a number of points with the letter of their period (H, D, W, M, Q, Y); the name of a period alone, which sets
// no bound; yes, which asks for a backup by each run; none; or a name that a Book gives to such a list.
//
// # Invariants
//
// What is not understood is an error, and a policy that is backed up each time and kept whole: a machine is never left out, and no point
// goes, because of a misspelt word.
//
// A String is read again by an empty Book, and means the same: what points record needs nobody's names.
package policy
