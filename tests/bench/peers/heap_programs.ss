;; The twin of heap_programs.uir for Chez Scheme: PROGRAM DEPTH HEAP_MIB TIMES; Chez has no limit for its heap.
(define stretch-depth 18)
(define long-depth 16)
(define array-length 500000)

(define-record-type tree (fields left right))
(define-record-type node (fields (mutable left) (mutable right) (mutable i) (mutable j)))

(define (grow depth)
  (if (fx> depth 0)
      (let* ([left (grow (fx- depth 1))] [right (grow (fx- depth 1))])
        (make-tree left right))
      (make-tree #f #f)))

(define (count of)
  (if (tree-left of)
      (fx+ 1 (fx+ (count (tree-left of)) (count (tree-right of))))
      1))

(define (trees depth times)
  (let loop ([times times] [made 0])
    (if (fx> times 0)
        (loop (fx- times 1) (fx+ made (count (grow depth))))
        made)))

(define (binary-trees deepest)
  (let* ([stretch (trees (fx+ deepest 1) 1)] [stays (grow deepest)])
    (let loop ([depth 4] [made stretch])
      (if (fx<= depth deepest)
          (loop (fx+ depth 2)
                (fx+ made (trees depth (fxsll 1 (fx+ (fx- deepest depth) 4)))))
          (fx+ made (count stays))))))

(define (new-node) (make-node #f #f 0 0))

(define (populate depth root)
  (when (fx> depth 0)
    (node-left-set! root (new-node))
    (node-right-set! root (new-node))
    (populate (fx- depth 1) (node-left root))
    (populate (fx- depth 1) (node-right root))))

(define (make depth)
  (if (fx> depth 0)
      (let* ([left (make (fx- depth 1))] [right (make (fx- depth 1))])
        (make-node left right 0 0))
      (new-node)))

(define (count-nodes of)
  (if of (fx+ 1 (fx+ (count-nodes (node-left of)) (count-nodes (node-right of)))) 0))

(define (size-of depth) (fx- (fxsll 1 (fx+ depth 1)) 1))

(define last-node #f) ; so that nothing is found not to be needed

(define (both-ways depth)
  (let ([times (fxquotient (fx* 2 (size-of stretch-depth)) (size-of depth))])
    (do ([i 0 (fx+ i 1)]) ((fx= i times))
      (set! last-node (new-node))
      (populate depth last-node))
    (do ([i 0 (fx+ i 1)]) ((fx= i times))
      (set! last-node (make depth)))
    (set! last-node #f)
    (fx* 2 (fx* times (size-of depth)))))

(define (gcbench deepest)
  (set! last-node (make stretch-depth))
  (set! last-node #f)
  (let ([stays (new-node)] [array (make-bytevector (fx* 8 array-length) 0)])
    (populate long-depth stays)
    (do ([i 1 (fx+ i 1)]) ((fx= i (fxquotient array-length 2)))
      (bytevector-ieee-double-native-set! array (fx* 8 i) (fl/ 1.0 (fixnum->flonum i))))
    (let loop ([depth 4] [made (size-of stretch-depth)])
      (if (fx<= depth deepest)
          (loop (fx+ depth 2) (fx+ made (both-ways depth)))
          (fx+ made (fx+ (count-nodes stays)
                         (flonum->fixnum (fl/ 1.0 (bytevector-ieee-double-native-ref array 32)))))))))

(define (now)
  (let ([time (current-time 'time-monotonic)])
    (+ (time-second time) (/ (time-nanosecond time) 1e9))))

(define (main program depth times)
  (do ([times times (fx- times 1)]) ((fx= times 0))
    (let* ([start (now)] [made (if (string=? program "gcbench") (gcbench depth) (binary-trees depth))])
      (printf "~a ~a\n" made (- (now) start)))))

(let ([arguments (command-line-arguments)])
  (main (car arguments) (string->number (cadr arguments)) (string->number (cadddr arguments))))
