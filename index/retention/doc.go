// Package retention decides which of a machine's points are kept. It is arithmetic: points and a policy in, verdicts out.
//
//	points of one machine ──Policy.Plan──> a Verdict for each: keep or not, and why
//
// # Words
//
// A point is sound when no disk failed, it is not damaged, not flagged (or the flag was found to be in order) and not in the
// future. It is good when it is sound and, where the policy wants that, verified.
//
// Rules go by periods of the calendar. Where numbers add up (Further), each rule begins where the finer ones end: a point a day, a month
// and a year are three points then, and without that one that is the newest of its day, of its month and of its year.
//
// # Invariants
//
// Whatever a policy says, and whoever made which points:
//
//   - A point that is not good takes nobody's place. Junk pushes nothing out.
//   - A point that is not good goes only when a newer good one is kept.
//   - The newest good point stays, unless the policy allows a machine to end up without one.
//   - Protected, flagged and future points stay.
//   - Each flagged point is also judged as if it and what followed had not come: what would be kept then is kept. However
//     long an attack goes on before somebody looks, the last points before it are there.
//   - Of a policy that wants verified points, those that are not verified yet are judged in addition, as if it did not: they
//     neither take the place of verified ones nor go because nobody came to verify them.
//   - Adding points to a machine by an attacker who sets the clock forward ages nothing: what is later than now neither
//     counts nor is what "within" is counted from. That is the newest good point and not now, so that a machine that is no
//     longer backed up keeps its last days.
package retention
