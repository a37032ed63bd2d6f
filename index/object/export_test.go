package object

// CachedFiles is how many files a Local keeps open.
const CachedFiles = cachedFiles

// UseNamed makes l go without O_TMPFILE, and without RENAME_NOREPLACE when linked.
func (l *Local) UseNamed(linked bool) *Local {
	l.named, l.linked = true, linked
	return l
}
