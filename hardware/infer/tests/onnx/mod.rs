//! Writes small ONNX networks (onnx.proto3, as protobuf's wire format has it), so that every layout is tested through the
//! real ONNX Runtime without a network of that kind being shipped.

/// A network under construction. Nodes must come in the order in which they are worked.
#[derive(Default)]
pub struct Graph {
    nodes: Vec<Vec<u8>>,
    initializers: Vec<Vec<u8>>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
    metadata: Vec<Vec<u8>>,
}

/// A list of numbers that belongs to a node.
pub type Attribute<'a> = (&'a str, &'a [i64]);

impl Graph {
    /// A side of 0 is one of any size.
    pub fn input(&mut self, name: &str, shape: &[u64]) {
        self.inputs.push(value_info(name, shape));
    }

    pub fn output(&mut self, name: &str, shape: &[u64]) {
        self.outputs.push(value_info(name, shape));
    }

    pub fn metadata(&mut self, key: &str, value: &str) {
        let mut pair = Vec::new();
        bytes(&mut pair, 1, key.as_bytes());
        bytes(&mut pair, 2, value.as_bytes());
        self.metadata.push(pair);
    }

    pub fn floats(&mut self, name: &str, shape: &[u64], data: &[f32]) {
        let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializers.push(tensor(name, shape, 1, &raw));
    }

    pub fn integers(&mut self, name: &str, data: &[i64]) {
        let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initializers.push(tensor(name, &[data.len() as u64], 7, &raw));
    }

    /// `attributes` are lists of integers; `single` ones are one integer.
    pub fn node(
        &mut self,
        op: &str,
        from: &[&str],
        to: &str,
        attributes: &[Attribute<'_>],
        single: &[(&str, i64)],
    ) {
        let mut node = Vec::new();
        for name in from {
            bytes(&mut node, 1, name.as_bytes());
        }
        bytes(&mut node, 2, to.as_bytes());
        bytes(&mut node, 4, op.as_bytes());
        for (name, numbers) in attributes {
            let mut attribute = Vec::new();
            bytes(&mut attribute, 1, name.as_bytes());
            numbers.iter().for_each(|n| number(&mut attribute, 8, *n as u64));
            number(&mut attribute, 20, 7);
            bytes(&mut node, 5, &attribute);
        }
        for (name, value) in single {
            let mut attribute = Vec::new();
            bytes(&mut attribute, 1, name.as_bytes());
            number(&mut attribute, 3, *value as u64);
            number(&mut attribute, 20, 2);
            bytes(&mut node, 5, &attribute);
        }
        self.nodes.push(node);
    }

    pub fn model(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        self.nodes.iter().for_each(|node| bytes(&mut graph, 1, node));
        bytes(&mut graph, 2, b"test");
        self.initializers.iter().for_each(|one| bytes(&mut graph, 5, one));
        self.inputs.iter().for_each(|one| bytes(&mut graph, 11, one));
        self.outputs.iter().for_each(|one| bytes(&mut graph, 12, one));
        let (mut model, mut opset) = (Vec::new(), Vec::new());
        number(&mut model, 1, 8);
        bytes(&mut model, 7, &graph);
        number(&mut opset, 2, 17);
        bytes(&mut model, 8, &opset);
        self.metadata.iter().for_each(|pair| bytes(&mut model, 14, pair));
        model
    }
}

fn tensor(name: &str, shape: &[u64], kind: u64, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    shape.iter().for_each(|n| number(&mut out, 1, *n));
    number(&mut out, 2, kind);
    bytes(&mut out, 8, name.as_bytes());
    bytes(&mut out, 9, raw);
    out
}

fn value_info(name: &str, shape: &[u64]) -> Vec<u8> {
    let (mut sides, mut kind, mut all, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in shape {
        let mut side = Vec::new();
        match n {
            0 => bytes(&mut side, 2, b"batch"),
            _ => number(&mut side, 1, *n),
        }
        bytes(&mut sides, 1, &side);
    }
    number(&mut kind, 1, 1);
    bytes(&mut kind, 2, &sides);
    bytes(&mut all, 1, &kind);
    bytes(&mut out, 1, name.as_bytes());
    bytes(&mut out, 2, &all);
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, (field << 3) | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
