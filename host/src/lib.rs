//! Sluice: records from one Kafka cluster to another through sandboxed plugins. The modules stand in the order of a
//! record's journey: config → source → fields → chain → sink → position and offset map → commit; then what runs it.
