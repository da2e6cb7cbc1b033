using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;

namespace KvCluster.Compression.Projection;

/// <summary>The maps of one <see cref="HeadGroup"/> in the orders in which they are multiplied.</summary>
internal sealed unsafe class GroupMaps
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private readonly int _headSize;
    private readonly HeadGroup _group;
    private readonly float[] _keyMapRows; // [KeyRank][t·d]
    private readonly float[] _outputRows; // [ValueRank][t·d]
    private readonly float[] _keyMeanLatent;
    private readonly float[] _valueMeanLatent;

    public GroupMaps(KvGeometry geometry, HeadGroup group)
    {
        _headSize = geometry.HeadSize;
        _group = group;
        int channels = group.KvHeads.Count * _headSize;
        Require(group.KeyRank, channels, group.KeyMap, group.QueryMap, group.KeyMean);
        Require(group.ValueRank, channels, group.ValueMap, group.OutputMap, group.ValueMean);
        _keyMapRows = Transpose(group.KeyMap, channels, group.KeyRank);
        _outputRows = Transpose(group.OutputMap, channels, group.ValueRank);
        _keyMeanLatent = NegativeProjection(group.KeyMean, group.KeyMap, group.KeyRank);
        _valueMeanLatent = NegativeProjection(group.ValueMean, group.ValueMap, group.ValueRank);
    }

    public int KeyRank => _group.KeyRank;

    public int ValueRank => _group.ValueRank;

    public bool HasKeyMean => _group.KeyMean.Length > 0;

    public bool HasValueMean => _group.ValueMean.Length > 0;

    public int QueryWidth => KeyRank + (HasKeyMean ? LayerProjection.MeanWidth : 0);

    public int OutputWidth => ValueRank + (HasValueMean ? LayerProjection.MeanWidth : 0);

    private int ChannelCount => _group.KvHeads.Count * _headSize;

    public void ProjectKeys(float* openLayer, float* latent)
    {
        for (int channel = 0; channel < KeyRank; channel++)
        {
            new Span<float>(latent + (channel * Tokens), Tokens).Fill(_keyMeanLatent[channel]);
        }

        fixed (float* map = _keyMapRows)
        {
            for (int j = 0; j < _group.KvHeads.Count; j++)
            {
                var a = new MatrixView(map + (j * _headSize), ChannelCount);
                BlockedMultiply.Add(a, KeyRank, new MatrixView(Keys(openLayer, j), Tokens), Tokens, new MatrixView(latent, Tokens), _headSize);
            }
        }
    }

    public void ProjectValues(float* openLayer, float* latent)
    {
        for (int token = 0; token < Tokens; token++)
        {
            _valueMeanLatent.CopyTo(new Span<float>(latent + (token * ValueRank), ValueRank));
        }

        fixed (float* map = _group.ValueMap)
        {
            for (int j = 0; j < _group.KvHeads.Count; j++)
            {
                var b = new MatrixView(map + ((nint)j * _headSize * ValueRank), ValueRank);
                BlockedMultiply.Add(new MatrixView(Values(openLayer, j), _headSize), Tokens, b, ValueRank, new MatrixView(latent, ValueRank), _headSize);
            }
        }
    }

    /// <summary>K ≈ QueryMap·latent + mean: what the scores of projected queries amount to.</summary>
    public void RestoreKeys(float* latent, float* openLayer)
    {
        fixed (float* map = _group.QueryMap)
        {
            for (int j = 0; j < _group.KvHeads.Count; j++)
            {
                float* keys = Keys(openLayer, j);
                for (int channel = 0; channel < _headSize; channel++)
                {
                    new Span<float>(keys + (channel * Tokens), Tokens).Fill(HasKeyMean ? _group.KeyMean[(j * _headSize) + channel] : 0);
                }

                var a = new MatrixView(map + ((nint)j * _headSize * KeyRank), KeyRank);
                BlockedMultiply.Add(a, _headSize, new MatrixView(latent, Tokens), Tokens, new MatrixView(keys, Tokens), KeyRank);
            }
        }
    }

    public void RestoreValues(float* latent, float* openLayer)
    {
        for (int j = 0; j < _group.KvHeads.Count; j++)
        {
            float* values = Values(openLayer, j);
            for (int token = 0; token < Tokens; token++)
            {
                Begin(_group.ValueMean, j, 1, values + (token * _headSize));
            }

            AddOutputs(j, new MatrixView(latent, ValueRank), Tokens, values);
        }
    }

    public void ProjectQueries(int member, float* queries, int queryCount, float* projected)
    {
        for (int i = 0; i < queryCount; i++)
        {
            float* row = projected + ((nint)i * QueryWidth);
            new Span<float>(row, QueryWidth).Clear();
            for (int channel = 0; channel < _headSize && HasKeyMean; channel++)
            {
                row[KeyRank] = MathF.FusedMultiplyAdd(
                    queries[((nint)i * _headSize) + channel], _group.KeyMean[(member * _headSize) + channel], row[KeyRank]);
            }
        }

        fixed (float* map = _group.QueryMap)
        {
            var b = new MatrixView(map + ((nint)member * _headSize * KeyRank), KeyRank);
            BlockedMultiply.Add(new MatrixView(queries, _headSize), queryCount, b, KeyRank, new MatrixView(projected, QueryWidth), _headSize);
        }
    }

    public void ExpandOutput(int member, float* gathered, int queryCount, float* output)
    {
        for (int i = 0; i < queryCount; i++)
        {
            float weight = HasValueMean ? gathered[((nint)i * OutputWidth) + ValueRank] : 0;
            Begin(_group.ValueMean, member, weight, output + ((nint)i * _headSize));
        }

        AddOutputs(member, new MatrixView(gathered, OutputWidth), queryCount, output);
    }

    private void AddOutputs(int member, MatrixView gathered, int rowCount, float* output)
    {
        fixed (float* map = _outputRows)
        {
            var b = new MatrixView(map + (member * _headSize), ChannelCount);
            BlockedMultiply.Add(gathered, rowCount, b, _headSize, new MatrixView(output, _headSize), ValueRank);
        }
    }

    private void Begin(float[] mean, int member, float weight, float* row)
    {
        for (int channel = 0; channel < _headSize; channel++)
        {
            row[channel] = mean.Length > 0 ? weight * mean[(member * _headSize) + channel] : 0;
        }
    }

    private float* Keys(float* openLayer, int member) => openLayer + (2 * Tokens * (nint)_headSize * _group.KvHeads[member]);

    private float* Values(float* openLayer, int member) => Keys(openLayer, member) + (Tokens * _headSize);

    private static void Require(int rank, int channels, float[] map, float[] inverse, float[] mean)
    {
        if (rank < 16 || rank % 16 != 0 || rank > channels)
        {
            throw new ArgumentException($"A rank must be a multiple of 16, from 16 to the {channels} channels of its heads; this one is {rank}.");
        }

        if (map.Length != rank * channels || inverse.Length != rank * channels || (mean.Length != 0 && mean.Length != channels))
        {
            throw new ArgumentException($"The maps do not have {channels} × {rank} elements, or the mean has not {channels}.");
        }
    }

    private static float[] Transpose(float[] matrix, int rowCount, int columnCount)
    {
        float[] transposed = new float[matrix.Length];
        for (int row = 0; row < rowCount; row++)
        {
            for (int column = 0; column < columnCount; column++)
            {
                transposed[(column * rowCount) + row] = matrix[(row * columnCount) + column];
            }
        }

        return transposed;
    }

    private static float[] NegativeProjection(float[] mean, float[] map, int rank)
    {
        float[] latent = new float[rank];
        for (int column = 0; column < rank; column++)
        {
            double sum = 0;
            for (int row = 0; row < mean.Length; row++)
            {
                sum -= (double)mean[row] * map[(row * rank) + column];
            }

            latent[column] = (float)sum;
        }

        return latent;
    }
}
