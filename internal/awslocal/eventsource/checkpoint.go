package eventsource

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// checkpoint holds the position in each shard of one stream. It is stored in a
// file that is replaced atomically, or only in memory if file is "".
type checkpoint struct {
	file string

	mu    sync.Mutex
	state state
	dirty bool
}

type state struct {
	Stream string              `json:"stream"`
	Shards map[string]position `json:"shards"`
}

// position is the last record of a shard before which all are processed, and
// which of those after it are processed, too: AWS has a position in each shard,
// and here several siblings read one. Ended means that the shard is closed and
// all its records are processed.
type position struct {
	Sequence string   `json:"sequence_number,omitempty"`
	Done     []string `json:"done,omitempty"` // ids of records
	Ended    bool     `json:"ended,omitempty"`
}

func (p position) equal(q position) bool {
	return p.Sequence == q.Sequence && p.Ended == q.Ended && slices.Equal(p.Done, q.Done)
}

// openCheckpoint reads the checkpoint of the stream. It ignores a file that
// belongs to another stream: the table was created again.
func openCheckpoint(file, stream string) (*checkpoint, error) {
	c := &checkpoint{file: file, state: state{Stream: stream, Shards: map[string]position{}}}
	if file == "" {
		return c, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	var stored state
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if stored.Stream == stream && stored.Shards != nil {
		c.state = stored
	}
	return c, nil
}

func (c *checkpoint) at(shard string) position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Shards[shard]
}

// move sets the position of a shard in memory only. That is enough for records
// that the filter dropped: to read them again after a crash has no effect.
func (c *checkpoint) move(shard string, p position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.state.Shards[shard].equal(p) {
		c.state.Shards[shard] = p
		c.dirty = true
	}
}

// commit sets the position of a shard and writes the file.
func (c *checkpoint) commit(shard string, p position) error {
	c.move(shard, p)
	return c.save()
}

// retain deletes the positions of shards that the stream no longer has.
func (c *checkpoint) retain(known map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for shard := range c.state.Shards {
		if !known[shard] {
			delete(c.state.Shards, shard)
			c.dirty = true
		}
	}
}

// save writes the file if a position has changed. It syncs a temporary file and
// renames it, so that a crash leaves either the old or the new file.
func (c *checkpoint) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dirty || c.file == "" {
		return nil
	}
	text, err := json.MarshalIndent(c.state, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.file), filepath.Base(c.file)+".part-")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), c.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	c.dirty = false
	return nil
}
