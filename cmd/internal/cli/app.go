package cli

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

// Flags are the ones that every command has.
type Flags struct {
	Repo         string
	PasswordFile string
	Identity     string
	Quiet        bool
	Verbose      bool
	LogFile      string
	JSON         bool
	NoProgress   bool
}

// An App is one run of a program.
type App struct {
	Flags Flags

	name   string // of the program
	stdout io.Writer
	log    *os.File // of --log-file; nil for none

	asking sync.Mutex // held while a password is asked for: the terminal is one

	mu     sync.Mutex // guards all below
	stderr io.Writer  // what is above a progress bar, while there is one
}

// Main runs the program and ends the process.
func Main(name, short string, commands func(*App) []*cobra.Command) {
	a := &App{name: name, stdout: os.Stdout, stderr: os.Stderr}
	keepMemory()
	log.SetFlags(0)
	log.SetOutput(detailWriter{a}) // of libraries that log by themselves
	os.Exit(a.run(short, commands(a), os.Args[1:]))
}

func (a *App) run(short string, commands []*cobra.Command, args []string) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	begun := false
	root := a.root(short, commands, &begun)
	root.SetArgs(args)
	defer a.closeLog()
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return Done
	}
	if !begun { // what comes before a command runs is about its arguments
		err = asUsage(err)
		a.Flags.JSON = a.Flags.JSON || slices.Contains(args, "--json")
	}
	return a.fail(ctx, cmd, err)
}

// withSignals gives a context that the first SIGINT, SIGTERM or SIGHUP ends; the next one kills, as if none was caught.
func withSignals(ctx context.Context) (context.Context, context.CancelFunc) {
	caught := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // of nohup
		caught = append(caught, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(ctx, caught...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// root makes the root command.
func (a *App) root(short string, commands []*cobra.Command, begun *bool) *cobra.Command {
	root := &cobra.Command{
		Use: a.name, Short: short, Version: Version, Example: examples(commands),
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			*begun = true
			return a.openLog()
		},
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.Flags.Repo, "repo", "r", "", "the repository: a directory (default $VBACKUP_REPO)")
	f.StringVar(&a.Flags.PasswordFile, "password-file", "", "read the repository's password from `FILE`")
	f.StringVar(&a.Flags.Identity, "identity", "", "open the repository with the age identities or the SSH private key in `FILE`")
	f.BoolVarP(&a.Flags.Quiet, "quiet", "q", false, "say nothing but results, warnings and errors")
	f.BoolVarP(&a.Flags.Verbose, "verbose", "v", false, "say more")
	f.StringVar(&a.Flags.LogFile, "log-file", "", "append all messages to `FILE`, with their times")
	f.BoolVar(&a.Flags.JSON, "json", false, "print JSON lines on standard output, and nothing else there")
	f.BoolVar(&a.Flags.NoProgress, "no-progress", false, "show no progress")
	root.MarkPersistentFlagFilename("password-file")
	root.MarkPersistentFlagFilename("identity")
	root.MarkPersistentFlagFilename("log-file")
	root.MarkPersistentFlagDirname("repo")
	root.SetOut(a.stdout)
	root.AddCommand(commands...)
	root.AddCommand(a.man(root))
	return root
}

// examples is the first line of each command's example.
func examples(commands []*cobra.Command) (out string) {
	for _, c := range commands {
		if !c.Hidden {
			out += firstLine(c.Example) + "\n"
		}
	}
	return trimNewline(out)
}
