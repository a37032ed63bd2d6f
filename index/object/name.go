package object

import (
	"fmt"
	"strings"
)

// MaxName is the most bytes a name can have: what every file system takes even as a single part.
const MaxName = 255

// CheckName returns an error that wraps ErrName unless name can be an object's.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > MaxName {
		return fmt.Errorf("%w: %d bytes", ErrName, len(name))
	}
	for part := range strings.SplitSeq(name, "/") {
		if !validPart(part) {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
	}
	return nil
}

// CheckPrefix returns an error that wraps ErrName unless prefix can be a folder's: a name, or "" for everything.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return CheckName(prefix)
}

// validPart refuses a leading dot, and with it "." and "..": these names are the store's own.
func validPart(part string) bool {
	if part == "" || part[0] == '.' {
		return false
	}
	for i := range len(part) {
		c := part[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
