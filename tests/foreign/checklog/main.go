// checklog DIR VKEY [KEPT [WITNESS]]: is the exported log in DIR the one that VKEY signed, every entry of it? Does it
// continue the checkpoint in the file KEPT, and has WITNESS (a vkey of type 4) cosigned it?
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8
const bundle = 1 << tileHeight

// Package note knows ordinary signatures only; this is C2SP tlog-cosignature, type 4.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(c.key, append([]byte(head), msg...), sig[8:])
}

func newCosigner(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("malformed vkey")
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 33 || key[0] != 4 {
		return nil, errors.New("not a cosigner's key")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(sum[:])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		return nil, errors.New("wrong key hash")
	}
	return cosigner{parts[0], hash, key[1:]}, nil
}

func parseCheckpoint(text string) (origin string, tree tlog.Tree, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return "", tree, errors.New("short checkpoint")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return lines[0], tree, err
}

func open(file string, verifiers note.Verifiers, want int) (origin string, tree tlog.Tree, err error) {
	bytes, err := os.ReadFile(file)
	if err != nil {
		return
	}
	opened, err := note.Open(bytes, verifiers)
	if err != nil {
		return
	}
	if len(opened.Sigs) != want {
		return "", tree, fmt.Errorf("%d signatures hold, not %d", len(opened.Sigs), want)
	}
	return parseCheckpoint(opened.Text)
}

// The tiles as C2SP tlog-tiles lays them out: x/mod's paths without their leading height.
type tiles struct{ dir string }

func path(tile tlog.Tile) string { return "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/") }

func (t tiles) Height() int                    { return tileHeight }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		bytes, err := os.ReadFile(filepath.Join(t.dir, path(tile)))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

func entries(dir string, first, count int64) ([][]byte, error) {
	tile := tlog.Tile{H: tileHeight, L: 0, N: first / bundle, W: int(count)}
	name := strings.Replace(path(tile), "tile/0/", "tile/entries/", 1)
	bytes, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for len(bytes) > 0 {
		if len(bytes) < 2 {
			return nil, fmt.Errorf("%s: a length is cut off", name)
		}
		length := int(binary.BigEndian.Uint16(bytes))
		if len(bytes) < 2+length {
			return nil, fmt.Errorf("%s: an entry is cut off", name)
		}
		all = append(all, bytes[2:2+length])
		bytes = bytes[2+length:]
	}
	if int64(len(all)) != count {
		return nil, fmt.Errorf("%s: %d entries, not %d", name, len(all), count)
	}
	return all, nil
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: checklog DIR VKEY [KEPT [WITNESS]]")
	}
	dir := args[0]
	verifier, err := note.NewVerifier(args[1])
	if err != nil {
		return err
	}
	known := []note.Verifier{verifier}
	if len(args) > 3 {
		witness, err := newCosigner(args[3])
		if err != nil {
			return err
		}
		known = append(known, witness)
	}
	origin, tree, err := open(filepath.Join(dir, "checkpoint"), note.VerifierList(known...), len(known))
	if err != nil {
		return err
	}
	if origin != verifier.Name() {
		return fmt.Errorf("the checkpoint is of %q", origin)
	}
	hashes := tlog.TileHashReader(tree, tiles{dir})
	for first := int64(0); first < tree.N; first += bundle {
		count := tree.N - first
		if count > bundle {
			count = bundle
		}
		bodies, err := entries(dir, first, count)
		if err != nil {
			return err
		}
		var indexes []int64
		for i := range bodies {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
		leaves, err := hashes.ReadHashes(indexes) // authenticated against the root
		if err != nil {
			return err
		}
		for i, body := range bodies {
			if tlog.RecordHash(body) != leaves[i] {
				return fmt.Errorf("entry %d is not what the tree says", first+int64(i))
			}
		}
	}
	for _, index := range []int64{0, tree.N / 3, tree.N - 1} {
		bodies, err := entries(dir, index/bundle*bundle, min(bundle, tree.N-index/bundle*bundle))
		if err != nil {
			return err
		}
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(bodies[index%bundle])); err != nil {
			return err
		}
	}
	if len(args) > 2 {
		_, kept, err := open(args[2], note.VerifierList(verifier), 1)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, kept.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, kept.N, kept.Hash); err != nil {
			return err
		}
	}
	fmt.Printf("%d entries of %s\n", tree.N, origin)
	return nil
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "checklog:", err)
		os.Exit(1)
	}
}
