//! The interpreter on programs of a few lines: what it computes, and that it says what is wrong.

use engine_nvidia::plan::{Argument, Buffer, Launch};

use super::Compiled;
use crate::machine::{Job, Machine, Memory, words};

/// A kernel of `body` on one buffer of `words` words, by `threads` threads; the buffer afterwards.
fn run(body: &str, size: usize, threads: u32) -> Result<Vec<u32>, String> {
    let text = format!(
        ".version 8.5\n.target sm_87\n.address_size 64\n\n.visible .entry planted(\n\t.param .u64 planted_param_0\n)\n\
         .maxntid 64, 1, 1\n{{\n\t.reg .pred %p<4>;\n\t.reg .b16 %rs<4>;\n\t.reg .b32 %r<8>;\n\t.reg .f32 %f<8>;\n\
         \t.reg .b64 %rd<8>;\n\t.reg .f64 %fd<8>;\n\t.shared .align 4 .b8 first[16];\n\t.shared .align 4 .b8 second[16];\n\
         \tld.param.u64 %rd1, [planted_param_0];\n\tcvta.to.global.u64 %rd2, %rd1;\n{body}\tret;\n}}\n"
    );
    let launch = Launch {
        kernel: "planted",
        grid: [1, 1, 1],
        block: [threads, 1, 1],
        arguments: vec![Argument::Buffer(Buffer::State)],
    };
    let memory = Memory { name: Buffer::State, bytes: size * 4, content: Some(vec![0; size * 4]) };
    let buffers = Compiled::new(&text)?.run(&Job { memory: vec![memory], launches: vec![launch] })?;
    Ok(words(&buffers[0]))
}

/// What `body` leaves in %r1.
fn result(body: &str) -> u32 {
    run(&format!("{body}\tst.global.u32 [%rd2], %r1;\n"), 1, 1).unwrap()[0]
}

#[test]
fn an_unknown_instruction_is_named() {
    for opcode in ["fma.rn.f32", "add.f32", "shfl.sync.bfly.b32", "atom.global.add.f32", "div.approx.f32", "lop3.b32"] {
        let error = run(&format!("\t{opcode} %f1, %f2, %f3;\n"), 1, 1).unwrap_err();
        assert!(error.contains(&format!("unknown instruction {opcode}")) && error.starts_with("line 20"), "{error}");
    }
    assert!(run("\tadd.s32 %r1, %r2;\n", 1, 1).unwrap_err().contains("add.s32 has 2 operands"));
    assert!(run("\tadd.s32 %r1, %r2, %r9;\n", 1, 1).unwrap_err().contains("register %r9 is not declared"));
    assert!(run("\tbra $L_nowhere;\n", 1, 1).unwrap_err().contains("unknown label $L_nowhere"));
}

#[test]
fn an_access_out_of_bounds_is_named() {
    let error = run("\tst.global.u32 [%rd2+8], %r1;\n", 2, 1).unwrap_err();
    assert!(error.contains("out of bounds: 4 bytes at 0x8 of global memory, next to State"), "{error}");
    assert!(error.contains("in kernel planted") && error.contains("by thread [0, 0, 0]"), "{error}");
    assert!(run("\tld.global.u32 %r1, [%rd2+-4];\n", 2, 1).unwrap_err().contains("out of bounds"));
    assert!(run("\tld.global.u32 %r1, [%rd3];\n", 2, 1).unwrap_err().contains("no buffer"));
    assert!(run("\tld.global.u32 %r1, [%rd2+2];\n", 2, 1).unwrap_err().contains("misaligned"));
    // The end of one array is not the beginning of the next.
    let error = run("\tst.shared.u32 [first+16], %r1;\n", 1, 1).unwrap_err();
    assert!(error.contains("shared memory, next to first"), "{error}");
}

#[test]
fn barriers_order_threads_and_must_be_reached_by_all() {
    // Each thread writes its number, and reads its neighbour's.
    let exchange = "\tmov.u32 %r1, %tid.x;\n\tshl.b32 %r2, %r1, 2;\n\tmov.u32 %r3, first;\n\tadd.s32 %r4, %r3, %r2;\n\
                    \tst.shared.u32 [%r4], %r1;\n\tbar.sync 0;\n\txor.b32 %r5, %r2, 4;\n\tadd.s32 %r6, %r3, %r5;\n\
                    \tld.shared.u32 %r7, [%r6];\n\tcvt.u64.u32 %rd3, %r2;\n\tadd.s64 %rd4, %rd2, %rd3;\n\
                    \tst.global.u32 [%rd4], %r7;\n";
    assert_eq!(run(exchange, 4, 4).unwrap(), [1, 0, 3, 2]);
    let divergent = "\tmov.u32 %r1, %tid.x;\n\tsetp.eq.s32 %p1, %r1, 0;\n\t@%p1 bra $L_end;\n\tbar.sync 0;\n$L_end:\n";
    let error = run(divergent, 1, 4).unwrap_err();
    assert!(error.contains("divergent barrier: 3 threads wait and 1 have ended"), "{error}");
    assert!(run("", 1, 65).unwrap_err().contains("65 threads in a block, of which there may be 64"));
}

#[test]
fn arithmetic_is_that_of_the_instruction_set() {
    assert_eq!(result("\tmov.u32 %r2, -7;\n\tshr.s32 %r1, %r2, 1;\n"), -4_i32 as u32);
    assert_eq!(result("\tmov.u32 %r2, -7;\n\tshr.u32 %r1, %r2, 40;\n"), 0);
    assert_eq!(result("\tmov.u32 %r2, 1;\n\tshl.b32 %r1, %r2, 32;\n"), 0);
    assert_eq!(result("\tmov.u32 %r2, -1;\n\tmul.wide.u32 %rd3, %r2, 4;\n\tcvt.u32.u64 %r1, %rd3;\n"), 0xffff_fffc);
    assert_eq!(result("\tmov.f64 %fd1, 0dBFF8000000000000;\n\tcvt.rzi.u32.f64 %r1, %fd1;\n"), 0, "-1.5");
    assert_eq!(result("\tmov.f64 %fd1, 0dBFF8000000000000;\n\tcvt.rzi.s32.f64 %r1, %fd1;\n"), -1_i32 as u32);
    let nan = "\tmov.f32 %f1, 0f7FC00000;\n\tmov.f32 %f2, 0f3F800000;\n";
    for (how, expected) in [("lt", 0), ("ltu", 1), ("ne", 0), ("neu", 1)] {
        let compare = format!("{nan}\tsetp.{how}.f32 %p1, %f1, %f2;\n\tselp.u32 %r1, 1, 0, %p1;\n");
        assert_eq!(result(&compare), expected, "{how}");
    }
    assert_eq!(result("\tmov.f32 %f1, 0f3F801000;\n\tcvt.rn.f16.f32 %rs1, %f1;\n\tcvt.u32.u16 %r1, %rs1;\n"), 0x3c00);
    assert!(run("\tmov.u32 %r2, 0;\n\tdiv.u32 %r1, 5, %r2;\n", 1, 1).unwrap_err().contains("division by zero"));
}
