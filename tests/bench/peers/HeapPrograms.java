/** The twin of heap_programs.uir for HotSpot: PROGRAM DEPTH HEAP_MIB TIMES; the heap is -Xmx's. */
public final class HeapPrograms {
    static final int STRETCH_DEPTH = 18, LONG_DEPTH = 16, ARRAY_LENGTH = 500000;

    static final class Tree {
        final Tree left, right;
        Tree(Tree left, Tree right) { this.left = left; this.right = right; }
        long count() { return left == null ? 1 : 1 + left.count() + right.count(); }
    }

    static final class Node {
        Node left, right;
        long i, j;
    }

    static Tree grow(long depth) {
        return depth > 0 ? new Tree(grow(depth - 1), grow(depth - 1)) : new Tree(null, null);
    }

    static long trees(long depth, long times) {
        long made = 0;
        for (; times > 0; times--) {
            made += grow(depth).count();
        }
        return made;
    }

    static long binaryTrees(long deepest) {
        long made = trees(deepest + 1, 1);
        Tree stays = grow(deepest);
        for (long depth = 4; depth <= deepest; depth += 2) {
            made += trees(depth, 1L << (deepest - depth + 4));
        }
        return made + stays.count();
    }

    static void populate(long depth, Node root) {
        if (depth > 0) {
            root.left = new Node();
            root.right = new Node();
            populate(depth - 1, root.left);
            populate(depth - 1, root.right);
        }
    }

    static Node make(long depth) {
        if (depth <= 0) {
            return new Node();
        }
        Node left = make(depth - 1), right = make(depth - 1), made = new Node();
        made.left = left;
        made.right = right;
        return made;
    }

    static long countNodes(Node of) {
        return of == null ? 0 : 1 + countNodes(of.left) + countNodes(of.right);
    }

    static long sizeOf(long depth) { return (1L << (depth + 1)) - 1; }

    static Node last; // so that nothing is found not to be needed

    static long bothWays(long depth) {
        long times = 2 * sizeOf(STRETCH_DEPTH) / sizeOf(depth);
        for (long i = 0; i < times; i++) {
            last = new Node();
            populate(depth, last);
        }
        for (long i = 0; i < times; i++) {
            last = make(depth);
        }
        last = null;
        return 2 * times * sizeOf(depth);
    }

    static long gcbench(long deepest) {
        last = make(STRETCH_DEPTH);
        last = null;
        Node stays = new Node();
        populate(LONG_DEPTH, stays);
        double[] array = new double[ARRAY_LENGTH];
        for (int i = 1; i < ARRAY_LENGTH / 2; i++) {
            array[i] = 1.0 / i;
        }
        long made = sizeOf(STRETCH_DEPTH);
        for (long depth = 4; depth <= deepest; depth += 2) {
            made += bothWays(depth);
        }
        return made + countNodes(stays) + (long) (1 / array[4]);
    }

    public static void main(String[] arguments) {
        long depth = Long.parseLong(arguments[1]);
        for (int times = Integer.parseInt(arguments[3]); times > 0; times--) {
            long start = System.nanoTime();
            long made = arguments[0].equals("gcbench") ? gcbench(depth) : binaryTrees(depth);
            System.out.printf("%d %.4f%n", made, (System.nanoTime() - start) * 1e-9);
        }
    }
}
