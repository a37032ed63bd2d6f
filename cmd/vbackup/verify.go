package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vbfs/cmd/internal/cli"
	"vbfs/index"
	"vbfs/index/format"
)

// A verification is the command and its flags.
type verification struct {
	app      *cli.App
	readData string
}

func verifyCommand(app *cli.App) *cobra.Command {
	v := &verification{app: app}
	cmd := &cobra.Command{
		Use:   "verify [POINT…]",
		Short: "Prove that points can be read, and name what cannot",
		Long: `Verify points, or everything: manifests, maps, digests, and that the packs are there and agree with the maps. With
--read-data every byte is read too, or a part: --read-data=10% of the packs, chosen anew each time, or --read-data=2/7,
the second of seven parts. What is damaged is named, with the bytes of the disks that it hurts; the exit code is 4.`,
		Example: `vbackup verify -r /srv/backup
vbackup verify -r /srv/backup --read-data
vbackup verify -r /srv/backup web01 db01@2026-11-19 --read-data=10%`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd.Context(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&v.readData, "read-data", "", "read all data, or a part: 10% or n/t")
	f.Lookup("read-data").NoOptDefVal = "100%"
	cli.LaterFlags(cmd, []string{"source"}, nil)
	return cmd
}

func (v *verification) run(ctx context.Context, args []string) error {
	var progress index.Progress
	o := index.VerifyOptions{Progress: &progress}
	var err error
	if o.ReadData, err = part(v.readData); err != nil {
		return err
	}
	start := time.Now()
	return v.app.WithRepository(ctx, 0, func(repo *index.Repository) error {
		if o.Points, err = selected(ctx, repo, args); err != nil {
			return err
		}
		var problems []*index.Problem
		err := v.app.During(onPacks("verify", &progress), func() (err error) {
			problems, err = repo.Verify(ctx, o)
			return err
		})
		if err != nil {
			return err
		}
		return v.report(problems, &progress, time.Since(start))
	})
}

// selected finds points; nil for all.
func selected(ctx context.Context, repo *index.Repository, args []string) (out []*format.Manifest, err error) {
	points, err := repo.Points(ctx)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		s := index.ParseSelector(arg)
		if s.Disk != "" {
			return nil, cli.Usage("%s names a disk: points are verified as a whole", arg)
		}
		p, err := s.Find(points)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// part reads --read-data: it gives a function that chooses packs, nil for none.
func part(s string) (func(format.PackID) bool, error) {
	if s == "" {
		return nil, nil
	}
	if percent, ok := strings.CutSuffix(s, "%"); ok {
		p, err := strconv.ParseFloat(percent, 64)
		if err == nil && p > 0 && p <= 100 {
			seed := maphash.MakeSeed()
			const scale = 1 << 53
			return func(id format.PackID) bool { return float64(maphash.Bytes(seed, id[:])>>11) < p/100*scale }, nil
		}
	}
	if first, second, ok := strings.Cut(s, "/"); ok {
		n, err := strconv.ParseUint(first, 10, 32)
		t, err2 := strconv.ParseUint(second, 10, 32)
		if err == nil && err2 == nil && 1 <= n && n <= t {
			return func(id format.PackID) bool { return binary.LittleEndian.Uint64(id[:])%t == n-1 }, nil
		}
	}
	return nil, cli.Usage("--read-data=%s is neither a share as 10%% nor a part as 2/7", s)
}

// A problemLine is a problem in JSON.
type problemLine struct {
	Type   string     `json:"type"`
	Object string     `json:"object"`
	What   string     `json:"message"`
	Hurts  []hurtLine `json:"hurts"`
}

type hurtLine struct {
	Machine string `json:"machine"`
	Name    string `json:"name"`
	Point   string `json:"id"`
	Disk    string `json:"disk"`
	Offset  int64  `json:"offset_bytes"`
	Length  int64  `json:"length_bytes"`
}

func (v *verification) report(problems []*index.Problem, p *index.Progress, took time.Duration) error {
	for _, problem := range problems {
		if err := v.tell(problem); err != nil {
			return err
		}
	}
	var err error
	if v.app.Flags.JSON {
		err = v.app.Line(struct {
			Type     string  `json:"type"`
			Points   int64   `json:"points"`
			Packs    int64   `json:"packs_bytes"`
			Problems int     `json:"problems"`
			Seconds  float64 `json:"seconds"`
		}{"summary", p.Points.Load(), p.Done.Load(), len(problems), took.Seconds()})
	} else if !v.app.Flags.Quiet || problems != nil {
		err = v.app.Result("verified %d points and packs of %s in %s: %d problems", p.Points.Load(), cli.Size(p.Done.Load()),
			cli.Took(took), len(problems))
	}
	if err == nil && problems != nil {
		err = cli.Told(cli.Damaged)
	}
	return err
}

func (v *verification) tell(p *index.Problem) error {
	if v.app.Flags.JSON {
		line := problemLine{"problem", p.Object, p.What.Error(), []hurtLine{}}
		for _, h := range p.Hurts {
			line.Hurts = append(line.Hurts, hurtLine{h.Machine, h.Name, h.Point.String(), h.Disk, h.Off, h.Len})
		}
		return v.app.Line(line)
	}
	if err := v.app.Result("damaged: %s: %v", p.Object, p.What); err != nil {
		return err
	}
	for _, h := range p.Hurts {
		if err := v.app.Result("  hurts %s", hurt(h)); err != nil {
			return err
		}
	}
	if len(p.Hurts) == 0 {
		return v.app.Result("  hurts no point")
	}
	return nil
}

// hurt names what cannot be read.
func hurt(h index.Hurt) string {
	switch {
	case h.Machine == "":
		return fmt.Sprintf("point %v, all of it", h.Point)
	case h.Disk == "":
		return fmt.Sprintf("%s@%s, all of it", h.Machine, h.Name)
	}
	return fmt.Sprintf("%s@%s:%s, %d bytes at %d", h.Machine, h.Name, h.Disk, h.Len, h.Off)
}

// onPacks is work that goes over packs.
func onPacks(name string, p *index.Progress) cli.Work {
	return cli.Work{Name: name, Total: p.Total.Load, Done: p.Done.Load}
}
