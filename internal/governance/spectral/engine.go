package spectral

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"

	"farrier.dev/farrier/internal/encoding/tree"
)

//go:embed prelude.js
var prelude string

// engine runs the JavaScript of a ruleset, without files, network, clocks or
// threads. What it runs is stopped when its time is over or it has taken too
// much memory.
type engine struct {
	// mu is held while a document is judged, or the ruleset loaded.
	mu   sync.Mutex
	load *loading
	vm   *goja.Runtime
	// limit is how long the scripts of one rule may run.
	limit time.Duration
	ctx   context.Context //nolint:containedctx // that of the call it works for
	// dead is why it can't be used any more: something did not stop.
	dead error
	// wrapped are the values of documents that scripts have seen.
	wrapped map[*tree.Node]*goja.Object
	nodes   map[*goja.Object]*tree.Node
	// options are the functionOptions that scripts have written, by what was read
	// of them.
	options map[*tree.Node]goja.Value
	// functions and formats are those that scripts have handed in, by the names
	// they got.
	functions map[string]goja.Callable
	names     map[*goja.Object]string
	formats   map[string]*format
	patterns  map[string]*regex
	modules   map[string]goja.Value
	// checks are the core functions that scripts have called, by their options.
	checks map[string]map[*goja.Object]Check
	// current is what a function is judging.
	current *Input
}

const (
	// maxHeap is how much the heap may grow while a script runs, in bytes.
	maxHeap = 256 << 20
	// grace is how long a script may take to notice that it is to stop.
	grace = 300 * time.Millisecond
	// watchEvery is how often the heap is looked at.
	watchEvery   = 10 * time.Millisecond
	maxCallStack = 1000
)

var (
	errMemory = errors.New("took too much memory, and was stopped")
	errStuck  = errors.New("could not be stopped; the ruleset can't be used any more")
)

func newEngine(load *loading, ctx context.Context) *engine { //nolint:revive // the context is that of the loading
	return &engine{load: load, ctx: ctx, limit: load.options.Limits.Time}
}

// used says whether there is JavaScript.
func (e *engine) used() bool { return e.vm != nil }

// use has the engine work for a call, and forget documents it has seen.
func (e *engine) use(ctx context.Context) {
	e.ctx = ctx
	e.wrapped, e.nodes = map[*tree.Node]*goja.Object{}, map[*goja.Object]*tree.Node{}
}

// start makes the runtime.
func (e *engine) start() error {
	if e.vm != nil {
		return nil
	}
	e.vm = goja.New()
	e.vm.SetMaxCallStackSize(maxCallStack)
	e.use(e.ctx)
	e.options, e.names = map[*tree.Node]goja.Value{}, map[*goja.Object]string{}
	e.functions, e.formats = map[string]goja.Callable{}, map[string]*format{}
	e.patterns, e.modules = map[string]*regex{}, map[string]goja.Value{}
	e.checks = map[string]map[*goja.Object]Check{}
	host := e.vm.NewObject()
	for name, f := range map[string]any{
		"core": e.core, "tag": e.tag, "compile": e.compileFor, "slow": e.slow, "exec": e.exec,
	} {
		if err := host.Set(name, f); err != nil {
			return err
		}
	}
	program, err := goja.Compile("prelude", prelude, true)
	if err != nil {
		return err
	}
	v, err := e.vm.RunProgram(program)
	if err != nil {
		return err
	}
	begin, _ := goja.AssertFunction(v)
	_, err = begin(goja.Undefined(), host)
	if err != nil {
		return err
	}
	return e.vm.Set("__farrier", host)
}

// guarded runs a piece of JavaScript and stops it in time. Spent is what the
// pieces of its rule have taken so far.
func (e *engine) guarded(spent *time.Duration, run func() error) error {
	if e.dead != nil {
		return e.dead
	}
	if e.ctx.Err() != nil {
		return errTime
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			// What scripts throw reaches Go as a panic where it reads their values.
			switch thrown := recover().(type) {
			case nil:
			case error:
				done <- thrown
			default:
				done <- fmt.Errorf("%v", thrown)
			}
		}()
		done <- run()
	}()
	begin := heap()
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	for {
		select {
		case err := <-done:
			return explainScript(err)
		case <-watch.C:
			if *spent += watchEvery; *spent >= e.limit {
				return e.stop(errTime, done)
			}
			if heap() > begin+maxHeap {
				return e.stop(errMemory, done)
			}
		case <-e.ctx.Done():
			return e.stop(errTime, done)
		}
	}
}

// stop interrupts the script; one that doesn't end makes the engine useless.
func (e *engine) stop(why error, done <-chan error) error {
	e.vm.Interrupt(why)
	wait := time.NewTimer(grace)
	defer wait.Stop()
	select {
	case <-done:
		e.vm.ClearInterrupt()
	case <-wait.C:
		e.dead = errStuck
	}
	return why
}

// heap is how many bytes the objects of the program take.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// explainScript turns what a script has thrown into a message without its stack.
func explainScript(err error) error {
	if interrupted, ok := errors.AsType[*goja.InterruptedError](err); ok {
		if why, is := interrupted.Value().(error); is {
			return why
		}
	}
	if thrown, ok := errors.AsType[*goja.Exception](err); ok {
		return errors.New(clip(thrown.Value().String()))
	}
	if _, ok := errors.AsType[*goja.StackOverflowError](err); ok {
		return fmt.Errorf("calls are nested deeper than %d", maxCallStack)
	}
	return err
}

// module runs a file and gives what it exports.
func (e *engine) module(file string) (goja.Value, error) {
	if err := e.start(); err != nil {
		return nil, err
	}
	if known := e.modules[file]; known != nil {
		return known, nil
	}
	module := e.vm.NewObject()
	if err := module.Set("exports", e.vm.NewObject()); err != nil {
		return nil, err
	}
	err := e.guarded(new(time.Duration), func() error {
		code, err := e.bundle(file)
		if err != nil {
			return err
		}
		program, err := goja.Compile(file, "(function(module, exports, require){"+code+"\n})", false)
		if err != nil {
			return err
		}
		v, err := e.vm.RunProgram(program)
		if err != nil {
			return err
		}
		run, _ := goja.AssertFunction(v)
		_, err = run(goja.Undefined(), module, module.Get("exports"))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	exports := module.Get("exports")
	if o, ok := exports.(*goja.Object); ok {
		if d := o.Get("default"); d != nil && !goja.IsUndefined(d) {
			exports = d
		}
	}
	e.modules[file] = exports
	return exports, nil
}

// ruleset reads a ruleset that is written in JavaScript.
func (e *engine) ruleset(file string, d *definition) error {
	v, err := e.module(file)
	if err != nil {
		return err
	}
	c := converter{engine: e, source: &tree.Source{Name: file}, left: maxConverted}
	var root *tree.Node
	err = e.guarded(new(time.Duration), func() (err error) {
		root, err = c.node(v, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if !root.Is(tree.Object) {
		return fmt.Errorf("%s: must export a ruleset by default", file)
	}
	return (&reader{load: e.load, file: file}).ruleset(root, d)
}

// function reads a function for a ruleset in YAML.
func (e *engine) function(file, name string, schema *tree.Node) (Function, error) {
	v, err := e.module(file)
	if err != nil {
		return nil, err
	}
	object, _ := v.(*goja.Object)
	if _, ok := goja.AssertFunction(v); !ok {
		return nil, fmt.Errorf("%s: must export a function by default", file)
	}
	f := e.scripted(e.named(object))
	if schema == nil {
		return f, nil
	}
	sub, err := compileSchema(schema)
	if err != nil {
		return nil, err
	}
	return func(options *tree.Node) (Check, error) {
		if err := validOptions(sub, options); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return f(options)
	}, nil
}

// validOptions holds functionOptions against the schema of a function.
func validOptions(sub *subschema, options *tree.Node) error {
	if options == nil {
		options = &tree.Node{Kind: tree.Null}
	}
	v := validation{left: maxSchemaSteps}
	if v.validate(sub, options, nil) {
		return nil
	}
	if v.err != nil {
		return v.err
	}
	f := &v.failures[0]
	return tree.Wrong(f.value, "functionOptions/%s %s", strings.Join(f.path, "/"), f.message)
}

// named gives a function of a script a name.
func (e *engine) named(f *goja.Object) string {
	if name, known := e.names[f]; known {
		return name
	}
	name := fmt.Sprintf("\x00%d", len(e.names))
	e.names[f] = name
	e.functions[name], _ = goja.AssertFunction(f)
	return name
}
