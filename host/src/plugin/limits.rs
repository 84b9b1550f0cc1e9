//! Every limit a plugin runs under, each a named constant that says which abuse it stops.
//! It must not enforce anything: the engine, the limiter, the imports and the checks do, from these figures.

use std::time::Duration;

/// Largest plugin file. Stops a file that exhausts memory before anything has looked at it; guests in Python reach
/// 19 MB, so half of it would refuse honest ones.
pub const BINARY_BYTES: usize = 32 << 20;
/// Time to compile one plugin, wall clock, in a process of its own. Stops functions built to make a compiler take
/// for ever: an endless compilation does not count as a fault of the engine, so it has to be cut from outside.
pub const COMPILE_TIME: Duration = Duration::from_secs(60);
/// Address space of that process. Stops a small file that unfolds into gigabytes of intermediate code; a JavaScript
/// guest of 12 MB takes 383 MiB.
pub const COMPILE_BYTES: u64 = 3 << 30;
/// Linear memory of one instance, summed over all its memories. Stops hoarding: eight lanes of three steps each
/// share a machine. Languages that bring a runtime have more room with 128 MiB.
pub const MEMORY_BYTES: usize = 64 << 20;
/// Linear memories of one instance. Stops address space being reserved by the gigabyte: each memory reserves 4 GiB.
pub const MEMORIES: usize = 4;
/// Tables of one instance. Stops bookkeeping that the memory limit does not see.
pub const TABLES: usize = 16;
/// Elements of all tables of one instance. A JavaScript guest starts with 7,688 and a Python guest with 5,670.
pub const TABLE_ELEMENTS: usize = 20_000;
/// Core instances inside one component. Stops components that nest thousands of modules; a Python guest has 38, its
/// interpreter's libraries among them.
pub const INSTANCES: usize = 64;
/// Live resource handles. Stops `resource.new` in a loop, which allocates in the host with no host code involved.
pub const HANDLES: usize = 1_024;
/// CPU time of `describe`. Stops a plugin that loops before it has said its name.
pub const DESCRIBE_TIME: Duration = Duration::from_secs(1);
/// CPU time of `init`. Stops a loop there; it is longer than the others because it compiles expressions.
pub const INIT_TIME: Duration = Duration::from_secs(5);
/// CPU time that every `transform` gets, whatever the size of its batch. Stops endless loops, and leaves room for a
/// guest's garbage collector: a hundred times what a batch needs, and so short that the record on which a plugin loops is
/// found within seconds.
pub const BATCH_TIME: Duration = Duration::from_millis(200);
/// Records of one call. Stops batches that nothing gains from; it is what `output_records` is counted for.
pub const BATCH_RECORDS: u32 = 500;
/// CPU time that every record of the batch adds. Small batches thus fail sooner, which keeps the search for a guilty
/// record among 1,000 under ten seconds.
pub const ROW_TIME: Duration = Duration::from_millis(1);
/// Records one call may emit for each that a full batch has. Stops a batch that multiplies without end; more than arrays
/// have elements.
pub const OUTPUT_RECORDS: u32 = 100;
/// Payload bytes one call may answer. Stops answers that exhaust the memory which all lanes share: a guest may name the
/// same bytes of its memory as often as it likes. Eight times the bytes of a batch's input.
pub const OUTPUT_BYTES: usize = 64 << 20;
/// Bytes the host allocates to lift one answer or the arguments of one import, bookkeeping included: by half more than
/// the answer itself. Stops giant lists and strings before they are copied.
pub const HOSTCALL_BYTES: usize = hostcall_bytes(OUTPUT_BYTES);
/// Values in one column of a keyed operation. Stops millions of empty values, which cost no bytes and much time.
pub const HOSTCALL_VALUES: usize = 1 << 18;
/// Bytes in one column of format-preserving encryption. Stops long values: one of 256 characters takes a tenth of a
/// millisecond, and no deadline interrupts the host.
pub const FPE_BYTES: usize = 1 << 20;
/// Headers of one answered or emitted record. Stops records that brokers accept and consumers choke on.
pub const RECORD_HEADERS: usize = 1_000;
/// Lines a plugin may log in one call. Stops log floods: 100,000 lines cost half a second of the host's time.
pub const LOG_LINES: u32 = 100;
/// Bytes of one log line. Stops lines that carry whole records.
pub const LOG_LINE_BYTES: usize = 1 << 10;
/// What one call may add to one counter for each record, value and emitted record of its batch. Stops a plugin from
/// writing values into its counters.
pub const COUNTS: u64 = 1;
/// Counters, and rejection codes, that a plugin may declare. Stops metrics of unbounded cardinality.
pub const NAMES: usize = 64;
/// Bytes of each JSON Schema that a plugin declares.
pub const SCHEMA_BYTES: usize = 256 << 10;
/// Bytes of one answer from the constant-seed generator. Stops `get-random-bytes` as an allocator.
pub const RANDOM_BYTES: u64 = 64 << 10;
/// Stack of WebAssembly code, the same for all guests of a process. Stops deep recursion.
pub const STACK_BYTES: usize = 512 << 10;
/// Stack that a thread needs to call plugins, in bytes. Guests run on their caller's stack and overflowing that one
/// ends the process, so threads that call plugins are made with at least this much.
pub const CALLER_STACK_BYTES: usize = 4 << 20;
/// Share of `memory_bytes`, in percent, from which an instance asks to be replaced. Runtimes of some languages leak;
/// a new instance costs microseconds, the limit costs a batch.
pub const RECYCLE_PERCENT: usize = 75;

/// [`HOSTCALL_BYTES`] for another limit of answers.
pub const fn hostcall_bytes(output_bytes: usize) -> usize {
    output_bytes.saturating_add(output_bytes / 2)
}

/// The limits of one plugin, all of them at their constants by default: a configuration without limits of its own runs
/// under these, and so does every tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// See [`BINARY_BYTES`].
    pub binary_bytes: usize,
    /// See [`COMPILE_TIME`].
    pub compile_time: Duration,
    /// See [`COMPILE_BYTES`].
    pub compile_bytes: u64,
    /// See [`MEMORY_BYTES`].
    pub memory_bytes: usize,
    /// See [`MEMORIES`].
    pub memories: usize,
    /// See [`TABLES`].
    pub tables: usize,
    /// See [`TABLE_ELEMENTS`].
    pub table_elements: usize,
    /// See [`INSTANCES`].
    pub instances: usize,
    /// See [`HANDLES`].
    pub handles: usize,
    /// See [`DESCRIBE_TIME`].
    pub describe_time: Duration,
    /// See [`INIT_TIME`].
    pub init_time: Duration,
    /// See [`BATCH_TIME`].
    pub batch_time: Duration,
    /// See [`ROW_TIME`].
    pub row_time: Duration,
    /// See [`OUTPUT_RECORDS`].
    pub output_records: usize,
    /// See [`OUTPUT_BYTES`].
    pub output_bytes: usize,
    /// See [`HOSTCALL_BYTES`].
    pub hostcall_bytes: usize,
    /// See [`HOSTCALL_VALUES`].
    pub hostcall_values: usize,
    /// See [`FPE_BYTES`].
    pub fpe_bytes: usize,
    /// See [`RECORD_HEADERS`].
    pub record_headers: usize,
    /// See [`LOG_LINES`].
    pub log_lines: u32,
    /// See [`LOG_LINE_BYTES`].
    pub log_line_bytes: usize,
    /// See [`COUNTS`].
    pub counts: u64,
    /// See [`STACK_BYTES`].
    pub stack_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            binary_bytes: BINARY_BYTES,
            compile_time: COMPILE_TIME,
            compile_bytes: COMPILE_BYTES,
            memory_bytes: MEMORY_BYTES,
            memories: MEMORIES,
            tables: TABLES,
            table_elements: TABLE_ELEMENTS,
            instances: INSTANCES,
            handles: HANDLES,
            describe_time: DESCRIBE_TIME,
            init_time: INIT_TIME,
            batch_time: BATCH_TIME,
            row_time: ROW_TIME,
            output_records: (OUTPUT_RECORDS * BATCH_RECORDS) as usize,
            output_bytes: OUTPUT_BYTES,
            hostcall_bytes: HOSTCALL_BYTES,
            hostcall_values: HOSTCALL_VALUES,
            fpe_bytes: FPE_BYTES,
            record_headers: RECORD_HEADERS,
            log_lines: LOG_LINES,
            log_line_bytes: LOG_LINE_BYTES,
            counts: COUNTS,
            stack_bytes: STACK_BYTES,
        }
    }
}

impl Limits {
    /// CPU time for a batch of `rows` records: `batch_time` and `row_time` for each of them.
    pub fn transform_time(&self, rows: u32) -> Duration {
        self.batch_time.saturating_add(self.row_time.saturating_mul(rows))
    }

    /// Memory from which an instance asks to be replaced, in bytes.
    pub fn recycle_bytes(&self) -> usize {
        self.memory_bytes / 100 * RECYCLE_PERCENT
    }
}
