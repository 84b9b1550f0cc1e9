;; The system calls that a language's runtime may import (wasi_snapshot_preview1), answered by a stub that reaches nothing:
;; no files, no environment, a clock that only counts its readings, random numbers from a constant seed. It leaves a
;; component without any import of WASI.
;;
;; It uses the runtime's own memory and never grows it: Go takes for granted that nobody else does. What is printed becomes
;; log lines, cut at the first byte that is not ASCII, for a line that is not UTF-8 would end the call.
(module
  (import "env" "memory" (memory 0))
  (import "sluice:plugin/log@0.1.0" "write" (func $log (param $level i32) (param $text i32) (param $length i32)))

  ;; errno: 0 success, 8 bad descriptor
  (func $no_strings (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func (export "args_sizes_get") (param i32 i32) (result i32) (call $no_strings (local.get 0) (local.get 1)))
  (func (export "environ_sizes_get") (param i32 i32) (result i32) (call $no_strings (local.get 0) (local.get 1)))
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  ;; A runtime that waits for time to pass must see it pass: a microsecond a reading.
  (global $now (mut i64) (i64.const 0))
  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $out i32) (result i32)
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (i64.store (local.get $out) (global.get $now))
    (i32.const 0))
  (func (export "clock_res_get") (param $clock i32) (param $out i32) (result i32)
    (i64.store (local.get $out) (i64.const 1000))
    (i32.const 0))

  ;; SplitMix64 (Steele, Lea, Flood 2014), a byte a step.
  (global $seed (mut i64) (i64.const 0))
  (func $random (result i64)
    (local $z i64)
    (global.set $seed (i64.add (global.get $seed) (i64.const 0x9e3779b97f4a7c15)))
    (local.set $z (i64.mul (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 30))) (i64.const 0xbf58476d1ce4e5b9)))
    (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 27))) (i64.const 0x94d049bb133111eb)))
    (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31))))
  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $length)))
      (i64.store8 (local.get $at) (call $random))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $next)))
    (i32.const 0))

  ;; Bytes before the first one that is not ASCII, the end of the line left out.
  (func $ascii (param $at i32) (param $length i32) (result i32)
    (local $n i32)
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $n) (local.get $length)))
      (br_if $done (i32.ge_u (i32.load8_u (i32.add (local.get $at) (local.get $n))) (i32.const 0x80)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $next)))
    (if (result i32) (i32.and (i32.ne (local.get $n) (i32.const 0))
        (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $n)) (i32.const 1))) (i32.const 10)))
      (then (i32.sub (local.get $n) (i32.const 1)))
      (else (local.get $n))))
  ;; 1 is written as info, 2 as warn; anything else is no descriptor.
  (func (export "fd_write") (param $fd i32) (param $vectors i32) (param $count i32) (param $written i32) (result i32)
    (local $total i32) (local $text i32) (local $length i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $length (i32.load offset=4 (local.get $vectors)))
      (local.set $total (i32.add (local.get $total) (local.get $length)))
      (local.set $length (call $ascii (local.tee $text (i32.load (local.get $vectors))) (local.get $length)))
      (if (local.get $length) (then (call $log (local.get $fd) (local.get $text) (local.get $length))))
      (local.set $vectors (i32.add (local.get $vectors) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i32.store (local.get $written) (local.get $total))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "proc_exit") (param $code i32) unreachable)
  ;; Whatever is waited for is there: the first subscription, without an error.
  (func (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $ready i32) (result i32)
    (i64.store (local.get $out) (i64.load (local.get $in)))
    (i64.store offset=8 (local.get $out) (i64.const 0))
    (i64.store offset=16 (local.get $out) (i64.const 0))
    (i64.store offset=24 (local.get $out) (i64.const 0))
    (i32.store (local.get $ready) (i32.const 1))
    (i32.const 0))

  ;; There is no file.
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 8)))
