package objecttest

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	randomName = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}`)
	shardName  = regexp.MustCompile(`^[0-9a-f]{2}$`)
)

// renamer gives random names numbers, in the order in which it meets them.
type renamer struct {
	numbers map[string]int
}

// rename makes "packs/ab/ab12…" to "packs/xx/#1": the folder that a random name picks is as random.
func (r *renamer) rename(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = randomName.ReplaceAllStringFunc(part, r.number)
		if i > 0 && parts[i] != part && shardName.MatchString(parts[i-1]) {
			parts[i-1] = "xx"
		}
	}
	return strings.Join(parts, "/")
}

func (r *renamer) number(random string) string {
	if r.numbers == nil {
		r.numbers = map[string]int{}
	}
	n, ok := r.numbers[random]
	if !ok {
		n = len(r.numbers) + 1
		r.numbers[random] = n
	}
	return fmt.Sprintf("#%d", n)
}
