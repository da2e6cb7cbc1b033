using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Tests.Sampling;

public sealed class SamplingParametersTests
{
    [Fact]
    public void Validate_Defaults_HasNoErrors() => Assert.Empty(new SamplingParameters().Validate(100));

    [Fact]
    public void Validate_EverythingWrong_NamesEveryField()
    {
        var parameters = new SamplingParameters
        {
            MaxTokens = 0,
            Temperature = float.NaN,
            TopK = -1,
            TopP = 0,
            MinP = 1.5f,
            RepetitionPenalty = 0,
            PresencePenalty = 3,
            FrequencyPenalty = float.NegativeInfinity,
            LogprobCount = 21,
            StopStrings = [""],
            StopTokenIds = [100],
            LogitBias = SamplingParameterSet.Bias(-1, 101),
        };

        Assert.Equal(
            [
                "max_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "logprobs",
                "stop", "stop_token_ids", "logit_bias", "logit_bias",
            ],
            parameters.Validate(100).Select(error => error.Field));
    }

    [Fact]
    public void Validate_TooManyAndTooLongStops_AreErrors()
    {
        var many = new SamplingParameters { StopStrings = [.. Enumerable.Repeat("x", 17)] };
        var tooLong = new SamplingParameters { StopStrings = [new string('x', 1025)] };

        Assert.Equal("stop", Assert.Single(many.Validate()).Field);
        Assert.Equal("stop", Assert.Single(tooLong.Validate()).Field);
    }
}
