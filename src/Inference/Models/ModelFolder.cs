using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Models;

/// <summary>A Hugging Face model folder, opened: configuration, memory-mapped weights, tokenizer and chat template.</summary>
public sealed class ModelFolder : IDisposable
{
    private ModelFolder(string path, ModelConfig config, SafetensorsFolder tensors, Tokenizer tokenizer)
    {
        Path = path;
        Config = config;
        Tensors = tensors;
        Tokenizer = tokenizer;
    }

    public string Path { get; }

    /// <summary>Name of the folder; what clients call the model unless configured otherwise.</summary>
    public string Name => new DirectoryInfo(Path).Name;

    public ModelConfig Config { get; }

    public SafetensorsFolder Tensors { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>Always there; a model without a known template refuses chat requests when one comes.</summary>
    public required ChatTemplate ChatTemplate { get; init; }

    public required GenerationDefaults GenerationDefaults { get; init; }

    /// <summary>Part of every BlockId; see <see cref="ModelFingerprint"/> for what it covers.</summary>
    public required ulong Fingerprint { get; init; }

    /// <exception cref="ModelLoadException">Anything in the folder is missing, broken or not supported.</exception>
    public static ModelFolder Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!Directory.Exists(path))
        {
            throw new ModelLoadException($"{path}: no such model folder; give a Hugging Face folder with config.json.");
        }

        var configPath = System.IO.Path.Combine(path, "config.json");
        var configJson = JsonFile.ReadBytes(configPath);
        var defaults = GenerationDefaults.Read(System.IO.Path.Combine(path, "generation_config.json"));
        var config = ModelConfigReader.Read(configJson, configPath, defaults);
        var tokenizer = Tokenizer.Load(System.IO.Path.Combine(path, "tokenizer.json"));
        if (tokenizer.VocabularySize > config.VocabularySize)
        {
            throw new ModelLoadException(
                $"{path}: tokenizer.json has {tokenizer.VocabularySize} ids but config.json's vocab_size is {config.VocabularySize}; the files belong to different models.");
        }

        var tensors = SafetensorsFolder.Open(path);
        try
        {
            return new ModelFolder(path, config, tensors, tokenizer)
            {
                ChatTemplate = ChatTemplate.Read(path, tokenizer),
                GenerationDefaults = defaults,
                Fingerprint = ModelFingerprint.Compute(configJson, tensors),
            };
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    /// <summary>Unmaps the weights; views of tensors must not be used any more.</summary>
    public void Dispose() => Tensors.Dispose();
}
