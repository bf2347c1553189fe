// The twin of heap_programs.uir for Go: PROGRAM DEPTH HEAP_MIB TIMES; the heap is GOMEMLIMIT's.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

const (
	stretchDepth = 18
	longDepth    = 16
	arrayLength  = 500000
)

type tree struct{ left, right *tree }

type node struct {
	left, right *node
	i, j        int64
}

func grow(depth int64) *tree {
	if depth > 0 {
		return &tree{grow(depth - 1), grow(depth - 1)}
	}
	return &tree{}
}

func (of *tree) count() int64 {
	if of.left == nil {
		return 1
	}
	return 1 + of.left.count() + of.right.count()
}

func trees(depth, times int64) int64 {
	made := int64(0)
	for ; times > 0; times-- {
		made += grow(depth).count()
	}
	return made
}

func binaryTrees(deepest int64) int64 {
	made := trees(deepest+1, 1)
	stays := grow(deepest)
	for depth := int64(4); depth <= deepest; depth += 2 {
		made += trees(depth, 1<<(deepest-depth+4))
	}
	return made + stays.count()
}

func populate(depth int64, root *node) {
	if depth > 0 {
		root.left = new(node)
		root.right = new(node)
		populate(depth-1, root.left)
		populate(depth-1, root.right)
	}
}

func makeTree(depth int64) *node {
	if depth <= 0 {
		return new(node)
	}
	left, right := makeTree(depth-1), makeTree(depth-1)
	return &node{left: left, right: right}
}

func countNodes(of *node) int64 {
	if of == nil {
		return 0
	}
	return 1 + countNodes(of.left) + countNodes(of.right)
}

func sizeOf(depth int64) int64 { return 1<<(depth+1) - 1 }

var last *node // so that nothing is found not to be needed

func bothWays(depth int64) int64 {
	times := 2 * sizeOf(stretchDepth) / sizeOf(depth)
	for i := int64(0); i < times; i++ {
		last = new(node)
		populate(depth, last)
	}
	for i := int64(0); i < times; i++ {
		last = makeTree(depth)
	}
	last = nil
	return 2 * times * sizeOf(depth)
}

func gcbench(deepest int64) int64 {
	last = makeTree(stretchDepth)
	last = nil
	stays := new(node)
	populate(longDepth, stays)
	array := make([]float64, arrayLength)
	for i := 1; i < arrayLength/2; i++ {
		array[i] = 1.0 / float64(i)
	}
	made := sizeOf(stretchDepth)
	for depth := int64(4); depth <= deepest; depth += 2 {
		made += bothWays(depth)
	}
	return made + countNodes(stays) + int64(1/array[4])
}

func main() {
	depth, _ := strconv.ParseInt(os.Args[2], 10, 64)
	times, _ := strconv.Atoi(os.Args[4])
	for ; times > 0; times-- {
		start := time.Now()
		made := int64(0)
		if os.Args[1] == "gcbench" {
			made = gcbench(depth)
		} else {
			made = binaryTrees(depth)
		}
		fmt.Printf("%d %.4f\n", made, time.Since(start).Seconds())
	}
}
