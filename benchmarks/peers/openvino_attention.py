# Copyright 2026 the attn project authors.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""OpenVINO's decode attention on a CPU."""


class OpenVINO:
    """OpenVINO's ScaledDotProductAttention over its own cache (a state).

    That is how exported models run, and what the CPU plugin has a decode kernel
    for; over keys and values that are inputs it is 20 times slower. Every call
    also appends one token, so the number of calls is limited.
    """

    name, package, appends = "openvino-stateful", "openvino", True

    def __init__(self):
        import numpy
        import openvino
        self.numpy, self.ov = numpy, openvino

    def model(self, case):
        np, ov = self.numpy, self.ov
        from openvino import opset6
        from openvino import opset13 as ops
        group = case.q_heads // case.kv_heads

        def parameter(heads, width):
            return ops.parameter([case.batch, heads, -1, width], ov.Type.f32)

        def integers(*values):
            return ops.constant(np.array(values, np.int64))

        beam = ops.parameter([-1], ov.Type.i32)
        sinks = []

        def cached(new, name, width):
            shape = [case.batch, case.kv_heads]
            empty = ops.constant(np.zeros([*shape, 0, width], np.float32))
            past = opset6.read_value(empty, name, ov.Type.f32,
                                     ov.PartialShape([*shape, -1, width]))
            past = ops.gather(past, beam, ops.constant(np.int64(0)))
            tokens = ops.concat([past, new], 2)
            sinks.append(opset6.assign(tokens, name))
            if group == 1:
                return tokens
            # A group's heads share one: the form that exporters give it.
            tail = ops.gather(ops.shape_of(tokens), integers(2, 3),
                              ops.constant(np.int64(0)))
            wide = ops.broadcast(
                ops.unsqueeze(tokens, ops.constant(np.int64(2))),
                ops.concat([integers(*shape, group), tail], 0),
                broadcast_spec="BIDIRECTIONAL")
            return ops.reshape(wide, integers(0, case.q_heads, -1, width),
                               True)

        q = parameter(case.q_heads, case.k_dim)
        k = parameter(case.kv_heads, case.k_dim)
        v = parameter(case.kv_heads, case.v_dim)
        attend = ops.scaled_dot_product_attention(
            q, cached(k, "key", case.k_dim), cached(v, "value", case.v_dim))
        return ov.Model([ops.result(attend)], sinks, [q, k, v, beam], "attend")

    def prepare(self, case, copies, threads):
        np, ov = self.numpy, self.ov
        if case.latent:
            raise NotImplementedError("a value that is a part of the key")
        compiled = ov.Core().compile_model(
            self.model(case), "CPU",
            {"INFERENCE_NUM_THREADS": threads,
             "INFERENCE_PRECISION_HINT": case.dtype,
             "KV_CACHE_PRECISION": case.dtype, "PERFORMANCE_HINT": "LATENCY"})
        random = np.random.default_rng(0)

        def filled(heads, tokens, width):
            return ov.Tensor(random.standard_normal(
                [case.batch, heads, tokens, width], dtype=np.float32))

        inputs = [filled(case.q_heads, 1, case.k_dim),
                  filled(case.kv_heads, 1, case.k_dim),
                  filled(case.kv_heads, 1, case.v_dim),
                  ov.Tensor(np.zeros(case.batch, np.int32))]
        past = {"key": filled(case.kv_heads, case.context - 2, case.k_dim),
                "value": filled(case.kv_heads, case.context - 2, case.v_dim)}
        requests = []
        for _ in range(copies):
            request = compiled.create_infer_request()
            for index, tensor in enumerate(inputs):
                request.set_input_tensor(index, tensor)
            request.infer()  # The first one starts from an empty state.
            for state in request.query_state():
                state.state = past[state.name]
            request.infer()  # Makes room behind the state.
            shapes = {tuple(s.state.shape)[2] for s in request.query_state()}
            if shapes != {case.context - 1}:
                raise NotImplementedError(f"the cache holds {shapes} tokens")
            requests.append(request)

        def call(rotation):
            requests[rotation % copies].infer()

        return call
