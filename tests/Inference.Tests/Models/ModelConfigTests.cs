using System.Text;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Models;

public sealed class ModelConfigTests
{
    private const string Shape =
        """
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100,
        "max_position_embeddings": 4096
        """;

    [Fact]
    public void Read_OlderLlama_TakesDefaultsAndTopLevelTheta()
    {
        var config = Read("LlamaForCausalLM", "\"rope_theta\": 500000.0, \"eos_token_id\": [7, 5], \"bos_token_id\": 1", [5, 9]);

        Assert.Equal(500_000, config.RopeTheta);
        Assert.Equal(16, config.HeadSize);
        Assert.Equal(4, config.KvHeadCount);
        Assert.Equal([5, 7, 9], config.EosTokenIds);
        Assert.Equal(1, config.BosTokenId);
        Assert.False(config.TieWordEmbeddings);
        Assert.Equal(RopeScaling.None, config.RopeScaling);
    }

    [Fact]
    public void Read_Families_DifferInBiasAndNorm()
    {
        Assert.Equal((true, false), Features(Read("Qwen2ForCausalLM", "\"use_sliding_window\": false, \"sliding_window\": 1024")));
        Assert.Equal((false, true), Features(Read("Qwen3ForCausalLM", "\"head_dim\": 32, \"sliding_window\": null")));
        Assert.Equal((false, false), Features(Read("MistralForCausalLM", "\"sliding_window\": 4096")));
        Assert.Equal(32, Read("Qwen3ForCausalLM", "\"head_dim\": 32").HeadSize);
    }

    [Theory]
    [InlineData("GPT2LMHeadModel", "", "LlamaForCausalLM")]
    [InlineData("MistralForCausalLM", "\"sliding_window\": 1024", "sliding_window")]
    [InlineData("LlamaForCausalLM", "\"num_key_value_heads\": 3", "num_key_value_heads")]
    [InlineData("LlamaForCausalLM", "\"head_dim\": 15", "head_dim")]
    [InlineData("LlamaForCausalLM", "\"head_dim\": \"x\"", "head_dim")]
    [InlineData("LlamaForCausalLM", "\"hidden_act\": \"gelu\"", "hidden_act")]
    [InlineData("LlamaForCausalLM", "\"rope_theta\": 0", "rope_theta")]
    [InlineData("LlamaForCausalLM", "\"eos_token_id\": \"x\"", "eos_token_id")]
    [InlineData("LlamaForCausalLM", "\"quantization_config\": {}", "quantization_config")]
    [InlineData("LlamaForCausalLM", "\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}", "yarn")]
    [InlineData("LlamaForCausalLM", "\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 4}", "dynamic")]
    [InlineData("LlamaForCausalLM", "\"rope_parameters\": {\"rope_type\": \"odd\"}", "odd")]
    [InlineData("LlamaForCausalLM", "\"hidden_size\": -1", "hidden_size")]
    public void Read_WhatIsNotSupported_IsRefusedByField(string architecture, string fields, string expected)
    {
        var error = Assert.Throws<ModelLoadException>(() => Read(architecture, fields));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("config.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compute_Default_IsThetaToThePowers()
    {
        var frequencies = RopeFrequencies.Compute(Read("LlamaForCausalLM", "\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 100}"));

        Assert.Equal(8, frequencies.Length);
        Assert.Equal(1f, frequencies[0]);
        Assert.Equal(0.1f, frequencies[4], 6);
    }

    [Fact]
    public void Compute_Linear_DividesByTheFactor() =>
        Assert.Equal(0.25f, RopeFrequencies.Compute(Read("LlamaForCausalLM", "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}"))[0], 6);

    [Fact]
    public void Compute_Llama3_KeepsShortAndStretchesLongWavelengths()
    {
        const string scaling =
            """
            "head_dim": 128, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
            """;
        var plain = RopeFrequencies.Compute(Read("LlamaForCausalLM", "\"head_dim\": 128, \"rope_theta\": 500000.0"));
        var scaled = RopeFrequencies.Compute(Read("LlamaForCausalLM", scaling));

        for (var i = 0; i < plain.Length; i++)
        {
            var wavelength = 2 * Math.PI / plain[i];
            var smooth = ((8192 / wavelength) - 1) / 3;
            var expected = wavelength < 2048 ? plain[i] : wavelength > 8192 ? plain[i] / 8 : ((1 - smooth) * plain[i] / 8) + (smooth * plain[i]);
            Assert.Equal(expected, scaled[i], expected * 1e-5);
        }

        Assert.Equal(plain[0], scaled[0]);
        Assert.Equal(plain[^1] / 8, scaled[^1]);
    }

    private static (bool Bias, bool Norm) Features(ModelConfig config) => (config.AttentionBias, config.QkNorm);

    private static ModelConfig Read(string architecture, string fields, params int[] eosTokenIds)
    {
        var json = $$"""{"architectures": ["{{architecture}}"], {{Shape}}{{(fields.Length > 0 ? "," : "")}} {{fields}}}""";
        return ModelConfigReader.Read(Encoding.UTF8.GetBytes(json), "config.json", new GenerationDefaults { EosTokenIds = [.. eosTokenIds] });
    }
}
